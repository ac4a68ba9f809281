import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const checkout = path.resolve(here, '..', '..');

const headers = [
  { key: 'X-Content-Type-Options', value: 'nosniff' },
  { key: 'X-Frame-Options', value: 'DENY' },
  { key: 'Referrer-Policy', value: 'same-origin' },
];

/**
 * The address of the API is not here on purpose: rewrites are fixed when a standalone server is built, so
 * `src/app/api/[...path]/route.ts` forwards requests to API_URL as the running server sees it.
 *
 * @type {import('next').NextConfig}
 */
const config = {
  output: 'standalone',
  // The dependencies live in the checkout's node_modules, two folders up.
  outputFileTracingRoot: checkout,
  turbopack: { root: checkout },
  // Types are checked by `npm run check`, once for the whole checkout; the first start need not wait for it again.
  typescript: { ignoreBuildErrors: true },
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  experimental: { optimizePackageImports: ['radix-ui', 'lucide-react'] },
  headers: async () => [{ source: '/:path*', headers }],
};

export default config;
