// One question at a time, asked in a dialog of the browser: it keeps the focus inside and gives it back.
import {html} from './draw.js';
import {Problem} from './api.js';
import {t} from './words.js';

const fieldOf = (field) => {
  const common = {id: `field-${field.name}`, name: field.name, required: field.required, 'aria-describedby': field.hint ? `hint-${field.name}` : undefined};
  const control = field.options
    ? html('select', common, ...field.options.map(([value, text]) => html('option', {value, text})))
    : html('input', {...common, type: field.type ?? 'text', min: field.min, max: field.max, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off'});
  if (field.value !== undefined) control.value = field.value;
  return html('div', {class: 'field'}, html('label', {for: common.id, text: field.label}), control,
    field.hint ? html('span', {class: 'small dim', id: `hint-${field.name}`, text: field.hint}) : '');
};

const messageOf = (error) => error instanceof Problem ? `${error.status} ${error.title}: ${error.message}` : t('error.no_answer');

/**
 * `send(values)` does what is asked; what it throws is shown, and the dialog stays. `extra`: a further button with what it does. `denied`:
 * fields that are asked for in addition once it was not allowed. `unheard(text)`: what was to be shown when the dialog was closed already.
 */
export const ask = ({title, text, fields = [], confirm, danger, send, extra, denied = () => [], unheard = () => {}}) => {
  document.querySelector('dialog')?.remove();
  const problem = html('p', {class: 'problem', role: 'alert'});
  const sending = html('p', {class: 'dim', role: 'status'});
  const accept = html('button', {type: 'submit', class: danger ? 'danger' : 'strong', text: confirm});
  const close = () => dialog.close();
  const form = html('form', {}, html('h2', {id: 'dialog-title', text: title}), html('p', {id: 'dialog-text', text}), ...fields.map(fieldOf), problem, sending,
    html('div', {class: 'actions'}, ...(extra ? [html('button', {type: 'button', text: extra.text, onclick: () => { extra.act(); close(); }})] : []),
      html('button', {type: 'button', text: t('dialog.cancel'), onclick: close}), accept));
  const dialog = html('dialog', {'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text'}, form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (accept.hasAttribute('aria-disabled')) return;
    accept.setAttribute('aria-disabled', 'true');     // not `disabled`: that would take the focus away
    problem.textContent = '';
    sending.textContent = t('dialog.working');
    try {
      await send(Object.fromEntries(new FormData(form)));
      close();
    } catch (error) {
      if (!dialog.isConnected) unheard(messageOf(error));
      problem.textContent = messageOf(error);
      const more = [401, 403].includes(error.status) ? denied().filter((field) => !form.elements.namedItem(field.name)) : [];
      problem.before(...more.map(fieldOf));
    }
    sending.textContent = '';
    accept.removeAttribute('aria-disabled');
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    // It gives the focus back, unless what had it is gone.
    if (document.activeElement === document.body) document.getElementById('group-heading')?.focus({preventScroll: true});
  });
  document.body.append(dialog);
  dialog.showModal();
};
