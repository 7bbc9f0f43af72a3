// What the browser keeps for the page, in this tab or for longer. Where it keeps nothing, for cookies are blocked, the page itself does.
const store = (name) => {
  const own = new Map();
  const read = (key) => {
    try {
      return window[name].getItem(key);
    } catch {
      return null;
    }
  };
  const write = (key, value) => {
    try {
      if (value) window[name].setItem(key, value);
      else window[name].removeItem(key);
      own.delete(key);
    } catch {
      own.set(key, value);
    }
  };
  return {get: (key) => own.get(key) ?? read(key) ?? '', set: write};
};

export const tab = store('sessionStorage');
export const browser = store('localStorage');
