/**
 * Hides secrets in what a server said, which may echo what it was sent: as they are, as they stand in a query or a form,
 * and as JSON writes them. To be used before a text is cut short, since a cut secret is not found.
 */
export function redactor(secrets: readonly (string | undefined)[]): (text: string) => string {
  const forms = secrets.flatMap((secret) =>
    secret ? [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)] : [],
  );
  // A secret that is part of another one must not leave the rest of that.
  const longestFirst = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
}
