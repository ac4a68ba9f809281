// A Nest application on the product's own HTTP server whose one handler does nothing: what an answer costs at least.
// Prints its URL when it listens; ends with its parent.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { fastifyAdapter } from '../../../apps/api/dist/platform/http/fastify.js';

// These belong to the API and need not lie beside the benches.
const require = createRequire(new URL('../../../apps/api/package.json', import.meta.url));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { Controller, Get, Module } = await load('@nestjs/common');
const { NestFactory } = await load('@nestjs/core');

class EmptyController {
  answer() {
    return {};
  }
}
Get('empty')(
  EmptyController.prototype,
  'answer',
  Object.getOwnPropertyDescriptor(EmptyController.prototype, 'answer'),
);
Controller()(EmptyController);

class EmptyModule {}
Module({ controllers: [EmptyController] })(EmptyModule);

const app = await NestFactory.create(EmptyModule, fastifyAdapter(), { logger: false, bodyParser: false });
await app.listen(0, '127.0.0.1');
process.send({ url: await app.getUrl() });
process.on('disconnect', () => process.exit(0));
