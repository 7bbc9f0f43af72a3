// Makes what is on the page like what was drawn anew, and touches nothing that is alike: focus, selection, what is scrolled and what is open
// stay. `data-key` names a child among its siblings; what is below `data-keep` is somebody else's.

const keyOf = (node) => node.nodeType === Node.ELEMENT_NODE ? node.dataset?.key : undefined;
const isLike = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

const morphAttributes = (old, fresh) => {
  for (const {name} of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === 'open' && old.nodeName === 'DETAILS')) old.removeAttribute(name);
  }
  for (const {name, value} of fresh.attributes) {
    if (old.getAttribute(name) === value) continue;
    // The page's policy forbids styles written as an attribute.
    if (name === 'style') old.style.cssText = value;
    else old.setAttribute(name, value);
  }
};

export const morph = (old, fresh) => {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  morphAttributes(old, fresh);
  if (fresh.hasAttribute('data-keep')) return;
  morphChildren(old, fresh);
};

const morphChildren = (old, fresh) => {
  // First those that go: where they stay until the end, what follows has to move, and what is moved loses the focus.
  const wanted = new Set([...fresh.childNodes].map(keyOf));
  for (const child of [...old.childNodes]) if (keyOf(child) !== undefined && !wanted.has(keyOf(child))) child.remove();
  const byKey = new Map();
  for (const child of old.childNodes) if (keyOf(child) !== undefined) byKey.set(keyOf(child), child);
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    const match = key === undefined ? (place && isLike(place, child) ? place : undefined) : byKey.get(key);
    if (!match || !isLike(match, child)) {
      old.insertBefore(child, place);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else old.insertBefore(match, place);
    morph(match, child);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
};
