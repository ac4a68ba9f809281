// Stops, in reverse, what the global set-up started.
export default async function globalTeardown() {
  for (const stop of (globalThis.xenorackTestStops ?? []).reverse()) await stop();
}
