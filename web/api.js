// weir's HTTP API. Addresses are relative to the page, so that it works below any path of a proxy.

const PATIENCE = 10000;

/** An answer that is an error: what the problem document says (RFC 9457). */
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

const problemOf = async (response) => {
  const document = await response.json().catch(() => null) ?? {};
  return new Problem(response.status, document.title ?? response.statusText, document.detail ?? '');
};

/** The JSON of an answer. Throws Problem for an error answer, anything else if there is no answer in time. */
export const request = async (path, {token = '', order, signal} = {}) => {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), PATIENCE);
  const abort = () => limit.abort();
  signal?.addEventListener('abort', abort);
  const headers = {Accept: 'application/json'};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (order) headers['Content-Type'] = 'application/json';
  try {
    const response = await fetch(new URL(path, document.baseURI), {method: order ? 'POST' : 'GET', headers, cache: 'no-store', credentials: 'same-origin',
      redirect: 'error', body: order ? JSON.stringify(order) : undefined, signal: limit.signal});
    if (!response.ok) throw await problemOf(response);
    return await response.json();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
};

export const groupPath = (group) => `v1/groups/${encodeURIComponent(group)}`;
