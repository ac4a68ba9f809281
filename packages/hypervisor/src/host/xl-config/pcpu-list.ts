/**
 * The pCPUs that `cpus` of xl.cfg names: `all`, or numbers, ranges and exclusions (`0-3,5,^2`); exclusions alone are taken
 * from all of them.
 * @returns The numbers in order, or what is wrong.
 */
export function parsePcpuList(text: string, pcpus: number): number[] | string {
  const parts = text.split(',').map((part) => part.trim());
  const excludesOnly = parts.every((part) => part.startsWith('^'));
  const chosen = new Set<number>();
  const all = Array.from({ length: pcpus }, (_, i) => i);
  if (excludesOnly) for (const one of all) chosen.add(one);
  for (const part of parts) {
    if (part === 'all') {
      for (const one of all) chosen.add(one);
      continue;
    }
    if (/^\^?nodes?:/.test(part)) return `nodes are not supported on this host, got ${part.slice(0, 40)}`;
    const range = /^(\^?)(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (range === null) return `all, or numbers like 0-3,5,^2, got ${JSON.stringify(part.slice(0, 40))}`;
    const from = Number(range[2]);
    const to = range[3] === undefined ? from : Number(range[3]);
    if (to >= pcpus || from > to) return `pCPU 0 to ${pcpus - 1}, got ${part}`;
    for (let one = from; one <= to; one += 1) {
      if (range[1] === '^') chosen.delete(one);
      else chosen.add(one);
    }
  }
  if (chosen.size === 0) return `at least one pCPU, got ${JSON.stringify(text.slice(0, 40))}`;
  return [...chosen].sort((a, b) => a - b);
}
