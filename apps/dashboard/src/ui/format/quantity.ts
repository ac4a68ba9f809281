// Quantities for reading. Bytes and rates may become numbers here: they are drawn and printed, never summed to money.

const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export interface QuantityText {
  readonly value: string;
  readonly unit: string;
}

/** Three figures at most before the unit changes: 999 B, 1.5 KiB, 12.9 MiB, 340 MiB. */
export function byteParts(bytes: string | number): QuantityText {
  let value = Number(bytes);
  let step = 0;
  while (Math.abs(value) >= 1000 && step < binary.length - 1) {
    value /= 1024;
    step += 1;
  }
  const decimals = step === 0 || Math.abs(value) >= 100 ? 0 : 1;
  const text = value.toFixed(decimals);
  return { value: text.endsWith('.0') ? text.slice(0, -2) : text, unit: binary[step] ?? 'B' };
}

export function formatBytes(bytes: string | number): string {
  const { value, unit } = byteParts(bytes);
  return `${value} ${unit}`;
}

export function formatMib(mib: string | number): string {
  return formatBytes(Number(mib) * 1024 * 1024);
}

/** Whole numbers of any length with separators: "1234567" reads 1,234,567. */
export function formatCount(count: string | number): string {
  const [whole = '0', fraction] = String(count).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction ? `${grouped}.${fraction}` : grouped;
}

/** A held quantity in the unit its limit names; sizes get the unit people think in. */
export function formatHeld(amount: string, unit: string): string {
  if (unit === 'MiB' || unit === 'mib') return formatMib(amount);
  if (unit === 'bytes' || unit === 'B' || unit === 'byte') return formatBytes(amount);
  const plain = ['', 'count', 'domains', 'domain', 'volumes', 'volume', 'ports', 'port'];
  return plain.includes(unit) ? formatCount(amount) : `${formatCount(amount)} ${unit}`;
}

/** Percent of one CPU: one decimal below a hundred. */
export function formatPercent(percent: string | number): string {
  const value = Number(percent);
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`;
}

const limitLabels: Record<string, string> = {
  domains: 'Domains',
  vcpus: 'vCPUs',
  memory_mib: 'Memory',
  disk_mib: 'Disk',
  volume_mib: 'Disk',
  volumes: 'Volumes',
  ports: 'Published ports',
};

/** "memory_mib" as people call it. */
export function limitLabel(name: string): string {
  const known = limitLabels[name];
  if (known) return known;
  const words = name.replace(/_(mib|bytes|count)$/, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** "20.500000 h" as "20.5 h"; the API prints quantities with all their decimals. */
export function withoutEndZeros(text: string): string {
  return text.replace(/\.(\d*?)0+(?!\d)/, (_, kept: string) => (kept ? `.${kept}` : ''));
}
