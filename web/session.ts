/**
 * The key lives in this tab's sessionStorage and goes out as a bearer header, never as a cookie: so another site can
 * send nothing in its name (there is no CSRF), it ends with the tab, and a link that signs in carries it behind "#",
 * which no browser sends to a server.
 */

const KEY = 'nightshift.key';
const IN_LINK = /^#key=(.+)$/;

/** Takes the key of a sign-in link, and takes it out of the address and of the history. */
export function takeKeyFromLink(): void {
  const found = IN_LINK.exec(location.hash)?.[1];
  if (found === undefined) return;
  saveKey(decodeURIComponent(found));
  history.replaceState(null, '', location.pathname);
}

export function savedKey(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

export function saveKey(key: string): void {
  sessionStorage.setItem(KEY, key.trim());
}

export function forgetKey(): void {
  sessionStorage.removeItem(KEY);
}
