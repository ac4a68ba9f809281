// The create form's contents and how they become the API's request.

import type { DomainCreate, Image, Plan } from '../../api/contract';

export interface Draft {
  readonly name: string;
  readonly planId: string;
  readonly image: string;
  /** "role=web, env=prod" as typed. */
  readonly labels: string;
  /** Whole MiB as typed; empty takes the plan's own size. */
  readonly volumeMib: string;
  readonly publish: boolean;
}

export const emptyDraft: Draft = {
  name: '',
  planId: '',
  image: '',
  labels: '',
  volumeMib: '',
  publish: true,
};

export interface DraftErrors {
  readonly name?: string;
  readonly labels?: string;
  readonly volumeMib?: string;
}

const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function checkDraft(draft: Draft): DraftErrors {
  return {
    ...(namePattern.test(draft.name)
      ? {}
      : { name: 'Lower-case letters, digits and hyphens; at most 63, not at the ends.' }),
    ...(readLabels(draft.labels) ? {} : { labels: 'Write labels as key=value, separated by commas.' }),
    ...(draft.volumeMib === '' || /^[1-9]\d{0,8}$/.test(draft.volumeMib)
      ? {}
      : { volumeMib: 'A whole number of MiB.' }),
  };
}

/** The labels as typed; null when they cannot be read. */
export function readLabels(text: string): Record<string, string> | null {
  const labels: Record<string, string> = {};
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue;
    const [key = '', value, ...more] = pair.split('=').map((part) => part.trim());
    if (key === '' || value === undefined || more.length > 0) return null;
    labels[key] = value;
  }
  return labels;
}

/** The request; until there is a name the estimate is asked for under a stand-in. */
export function draftBody(draft: Draft): DomainCreate {
  const labels = readLabels(draft.labels) ?? {};
  return {
    name: namePattern.test(draft.name) ? draft.name : 'new-domain',
    plan_id: draft.planId,
    image: draft.image,
    publish: draft.publish,
    labels,
    ...(/^[1-9]\d{0,8}$/.test(draft.volumeMib) ? { volume_mib: Number(draft.volumeMib) } : {}),
  };
}

/** The draft with the first plan and image where none is chosen, so that the estimate stands at once. */
export function withDefaults(draft: Draft, plans: readonly Plan[], images: readonly Image[]): Draft {
  return {
    ...draft,
    planId: draft.planId || (plans[0]?.id ?? ''),
    image: draft.image || (images[0]?.name ?? ''),
  };
}

/** The same request for a shell; single quotes keep the JSON as it is. */
export function curlOf(body: DomainCreate, origin: string): string {
  const json = JSON.stringify(body, null, 2).replaceAll("'", `'\\''`);
  return [
    `curl -X POST ${origin}/api/v1/domains \\`,
    `  -H "Authorization: Bearer $XENORACK_API_KEY" \\`,
    `  -H "Idempotency-Key: $(uuidgen)" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${json}'`,
  ].join('\n');
}
