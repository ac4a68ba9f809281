import { describe, expect, test } from '@jest/globals';
import { checkDraft, curlOf, draftBody, emptyDraft, readLabels } from './draft';

describe('create form', () => {
  test('names that the API would refuse are told at once', () => {
    for (const name of ['', '-a', 'a-', 'A', 'a b', 'a'.repeat(64)]) {
      expect(checkDraft({ ...emptyDraft, name }).name).toBeDefined();
    }
    for (const name of ['a', 'web-1', 'a'.repeat(63)])
      expect(checkDraft({ ...emptyDraft, name })).toEqual({});
  });

  test('labels are read as pairs or refused as a whole', () => {
    expect(readLabels('role=web, env = prod,')).toEqual({ role: 'web', env: 'prod' });
    expect(readLabels('')).toEqual({});
    for (const text of ['role', '=web', 'a=b=c']) expect(readLabels(text)).toBeNull();
  });

  test('the estimate and the order share one body; what is empty is left to the plan', () => {
    const draft = { ...emptyDraft, name: 'web-1', planId: 'plan_1', image: 'web' };
    expect(draftBody(draft)).toEqual({
      name: 'web-1',
      plan_id: 'plan_1',
      image: 'web',
      labels: {},
      publish: true,
    });
    expect(draftBody({ ...draft, volumeMib: '256', labels: 'a=b' })).toMatchObject({
      volume_mib: 256,
      labels: { a: 'b' },
    });
  });

  test('a quote in a label cannot end the shell text', () => {
    const body = draftBody({ ...emptyDraft, name: 'a', planId: 'p', image: 'i', labels: "k=it's" });
    expect(curlOf(body, 'http://localhost:3000')).toContain(`it'\\''s`);
  });
});
