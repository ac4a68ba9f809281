import type { StartInfo } from '../abi/guest.js';
import { escapeHtml } from './text.js';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:12vh auto;padding:0 1.5rem;color:#1c2430;background:#fafbfc}' +
  'h1{font-size:1.6rem;margin:0 0 .25rem}p{margin:.25rem 0 1.25rem;color:#4a5568}' +
  'dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.25rem}dt{color:#4a5568}dd{margin:0;font-variant-numeric:tabular-nums}' +
  'code{background:#eef1f5;border-radius:4px;padding:.1rem .35rem}li{margin:.2rem 0}' +
  '@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#12161c}p,dt{color:#9aa5b4}code{background:#222933}}';

/** The page at `/`: which domain this is and what it can be asked to do. */
export function homePage(info: StartInfo, requests: number): string {
  const memoryMib = (info.memoryFrames * 4) / 1024;
  const facts: [string, string][] = [
    ['Domain', `${info.name} (id ${info.domId})`],
    ['Host', info.hostName],
    ['Size', `${info.vcpus} vCPU, ${memoryMib.toFixed(memoryMib < 10 ? 1 : 0)} MiB`],
    ['Volumes', info.disks.length === 0 ? 'none' : info.disks.map((d) => d.volumeId).join(', ')],
    ['Requests served', String(requests)],
  ];
  const rows = facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join('');
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(info.name)}</title>` +
    `<meta name="viewport" content="width=device-width,initial-scale=1"><style>${STYLE}</style></head><body>` +
    `<h1>${escapeHtml(info.name)} is running</h1><p>A Xenorack domain, metered while it serves you this page.</p>` +
    `<dl>${rows}</dl><ul>` +
    '<li><code>/burn?ms=50</code> uses 50 ms of CPU</li>' +
    '<li><code>/disk?write=65536&amp;read=65536</code> moves bytes on its volume</li>' +
    '<li><code>/bytes?n=100000</code> sends 100,000 bytes</li>' +
    '<li><code>/stats</code> tells what it counted itself</li></ul></body></html>\n'
  );
}
