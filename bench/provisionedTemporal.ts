export async function provisionedTemporal(): Promise<string> {
  return '/root/.cache/nightshift-build/temporal';
}
