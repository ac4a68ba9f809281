// How much JavaScript a browser loads for a page of the dashboard. Needs the built dashboard; other modes build it first.
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import zlib from 'node:zlib';
import { root } from '../../scripts/checkout.mjs';

const built = path.join(root, 'apps', 'dashboard', '.next');
const pages = { domain: '(tenant)/domains/[id]', overview: '(tenant)', sign_in: 'sign-in' };

export async function* figures() {
  const sizes = Object.fromEntries(Object.entries(pages).map(([name, page]) => [name, sizeOf(page)]));
  yield {
    name: 'dashboard.domain_js_kib',
    value: sizes.domain.kib,
    unit: 'KiB',
    goal: 300,
    better: 'lower',
    detail: {
      files: sizes.domain.files,
      overview_kib: sizes.overview.kib,
      sign_in_kib: sizes.sign_in.kib,
    },
  };
}

/**
 * The scripts of a page as Next's manifests name them: those of every page, its own and its layouts'. Polyfills are
 * left out, for browsers that know modules do not load them.
 */
function sizeOf(page) {
  const folder = path.join(built, 'server', 'app', ...page.split('/'));
  const { rootMainFiles } = JSON.parse(
    fs.readFileSync(path.join(folder, 'page', 'build-manifest.json'), 'utf8'),
  );
  const sandbox = {};
  vm.runInNewContext(
    fs.readFileSync(path.join(folder, 'page_client-reference-manifest.js'), 'utf8'),
    sandbox,
  );
  const [manifest] = Object.values(sandbox.__RSC_MANIFEST);
  const files = new Set([...rootMainFiles, ...Object.values(manifest.entryJSFiles).flat()]);
  if (rootMainFiles.length === 0 || files.size <= rootMainFiles.length)
    throw new Error(`the manifests of ${page} name no script of its own`);
  const bytes = [...files].reduce(
    (sum, file) => sum + zlib.gzipSync(fs.readFileSync(path.join(built, file))).length,
    0,
  );
  return { kib: bytes / 1024, files: files.size };
}
