import type { IncomingMessage } from 'node:http';
import type { Params } from 'nestjs-pino';
import type { Config } from '../config.js';

/** What the guard notes on the raw request for the log. */
export type LoggedRequest = IncomingMessage & { loggedTenantId?: string | null };

/** One JSON line per answer: request id, tenant, method, path, status, time. No headers, no bodies, no secrets. */
export function requestLogging(config: Config): Params {
  return {
    pinoHttp: {
      level: config.logLevel,
      base: undefined,
      genReqId: (request: IncomingMessage) => request.id,
      customAttributeKeys: { reqId: 'request_id', responseTime: 'ms' },
      quietReqLogger: true,
      serializers: {
        req: (request: { method: string; url: string }) => ({
          method: request.method,
          path: request.url.split('?')[0],
        }),
        res: (response: { statusCode: number }) => ({ status: response.statusCode }),
      },
      customProps: (request: LoggedRequest) => ({ tenant: request.loggedTenantId ?? null }),
      customLogLevel: (_request: unknown, response: { statusCode: number }, error: unknown) =>
        error || response.statusCode >= 500 ? 'error' : 'debug',
    },
  };
}
