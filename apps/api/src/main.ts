// One entry for all roles (XENORACK_ROLES): HTTP, jobs, hosts, or several of them.
import 'reflect-metadata';
import { createApp } from './app.js';
import { serveDocumentPage } from './platform/http/openapi-document.js';
import { type Config, ConfigError, loadConfig } from './platform/config.js';

/** One clear line, then out. */
function refuseToStart(message: string): never {
  console.error(message);
  process.exit(1);
}

function configOrOut(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigError) refuseToStart(error.message);
    throw error;
  }
}

const config = configOrOut();
try {
  const app = await createApp(config);
  stopOnSignals(() => app.close());
  serveDocumentPage(app);
  if (config.roles.has('http')) await app.listen(config.apiPort, config.apiHost);
  else await app.init();
  process.send?.({ ready: true, url: config.roles.has('http') ? await app.getUrl() : null });
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    refuseToStart(
      `Port ${config.apiPort} on ${config.apiHost} is in use: stop what uses it or set API_PORT to another port.`,
    );
  }
  refuseToStart(`The API could not start: ${code ? `${code} ` : ''}${message}`);
}

/** The first signal ends everything in order; a second one, at once. */
function stopOnSignals(close: () => Promise<void>): void {
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    close().then(
      () => process.exit(0),
      (error: Error) => refuseToStart(`The API did not stop in order: ${error.stack}`),
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}
