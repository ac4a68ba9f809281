/** The committed contract of the API, as tests walk it: a new route is in it, so it is tested or the test fails. */
import fs from 'node:fs';
import path from 'node:path';

export interface ContractOperation {
  operationId: string;
  method: string;
  /** With `{id}` where the id goes. */
  path: string;
  isOperator: boolean;
  isPublic: boolean;
  hasId: boolean;
  query: string[];
  hasBody: boolean;
  /** JSON schema of the body, references resolved one level. */
  body: { properties?: Record<string, any>; required?: string[] };
  idempotencyKey: 'required' | 'optional' | null;
  ifMatch: boolean;
  /** Documented problem codes by status. */
  codes: Map<number, string[]>;
}

export function readContract(): ContractOperation[] {
  const file = path.join(import.meta.dirname, '../../apps/api/openapi.json');
  const document = JSON.parse(fs.readFileSync(file, 'utf8'));
  return Object.entries<any>(document.paths).flatMap(([at, methods]) =>
    Object.entries<any>(methods).map(([method, operation]) => {
      const parameters: any[] = operation.parameters ?? [];
      const header = (name: string) => parameters.find((each) => each.in === 'header' && each.name === name);
      const schema = operation.requestBody?.content['application/json'].schema;
      const reference: string | undefined = schema?.$ref?.split('/').at(-1);
      const key = header('Idempotency-Key');
      return {
        operationId: operation.operationId,
        method: method.toUpperCase(),
        path: at,
        isOperator: at.startsWith('/v1/operator/'),
        isPublic: operation.security?.length === 0,
        hasId: at.includes('{id}'),
        query: parameters.filter((each) => each.in === 'query').map((each) => each.name),
        hasBody: schema !== undefined,
        body: (reference ? document.components.schemas[reference] : schema) ?? {},
        idempotencyKey: key ? (key.required ? 'required' : 'optional') : null,
        ifMatch: header('If-Match') !== undefined,
        codes: new Map(
          Object.entries<any>(operation.responses).map(([status, answer]) => [
            Number(status),
            [...answer.description.matchAll(/`([a-z_]+)`/g)].map((found) => found[1] ?? ''),
          ]),
        ),
      };
    }),
  );
}
