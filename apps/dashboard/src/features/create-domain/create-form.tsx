'use client';
import { Plus } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useEffect, useState, type FormEvent, type ReactNode } from 'react';
import { toast } from 'sonner';
import { useCatalog, useImages } from '../../api/catalog';
import { newIdempotencyKey } from '../../api/client';
import type { DomainCreate, Image, Plan } from '../../api/contract';
import { useCreateDomain, useEstimate } from '../../api/domains';
import { ApiProblem } from '../../api/problem';
import { Answered } from '../../ui/answered';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHeader } from '../../ui/card';
import { CopyButton } from '../../ui/copy-button';
import { Checkbox, ChoiceCard, Field, Input } from '../../ui/form/field';
import { formatMib } from '../../ui/format/quantity';
import { PriceList } from '../../ui/price-list';
import { ProblemNote } from '../../ui/problem-note';
import { Skeleton } from '../../ui/skeleton';
import { checkDraft, curlOf, draftBody, emptyDraft, withDefaults, type Draft } from './draft';
import { EstimateCard, refusalOf } from './estimate-card';
import { PlanChoice } from './plan-choice';

const estimateDelayMs = 250;

export function CreateForm() {
  const catalog = useCatalog();
  const images = useImages();
  return (
    <Answered query={catalog} what="Plans" skeleton={<FormSkeleton />}>
      {({ data: plans }) => (
        <Answered query={images} what="Images" skeleton={<FormSkeleton />}>
          {({ data }) => <FilledForm plans={plans} images={data} />}
        </Answered>
      )}
    </Answered>
  );
}

function FilledForm({ plans, images }: { plans: readonly Plan[]; images: readonly Image[] }) {
  const router = useRouter();
  const create = useCreateDomain();
  // One key for one intention: sending the same order twice creates one domain.
  const [order, setOrder] = useState<{ key: string; body: string } | null>(null);
  const [typed, setTyped] = useState<Draft>(emptyDraft);
  const [tried, setTried] = useState(false);
  const draft = withDefaults(typed, plans, images);
  const body = draftBody(draft);
  const estimate = useEstimate(useDelayed(draft.planId && draft.image ? body : null));
  const errors = checkDraft(draft);
  // The estimate refuses the same fields as the order would, only sooner.
  const refused = create.error ?? estimate.error;
  const problem = refused instanceof ApiProblem ? refused : null;
  const plan = plans.find((one) => one.id === draft.planId);
  const change = (part: Partial<Draft>) => setTyped({ ...draft, ...part });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setTried(true);
    const firstBad = Object.keys(errors)[0];
    if (firstBad) return event.currentTarget.querySelector<HTMLElement>(`[name="${firstBad}"]`)?.focus();
    const text = JSON.stringify(body);
    const key = order?.body === text ? order.key : newIdempotencyKey();
    setOrder({ key, body: text });
    create.mutate(
      { body, key },
      {
        onSuccess: ({ domain }) => {
          toast(`Building ${domain.name}`);
          router.push(`/domains/${domain.id}`);
        },
      },
    );
  };
  const footer = (
    <Submit busy={create.isPending} refusal={refusalOf(estimate.data)} error={create.error} body={body} />
  );
  return (
    <form
      onSubmit={submit}
      noValidate
      aria-label="Create a domain"
      className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1fr)_368px]"
    >
      <div className="grid grid-cols-1 gap-6">
        <Card>
          <CardHeader title="Name" />
          <CardBody className="grid grid-cols-1 gap-4 sm:grid-cols-2">
            <Field label="Name" error={(tried ? errors.name : undefined) ?? problem?.fieldDetail('name')}>
              {(ids) => (
                <Input
                  {...ids}
                  name="name"
                  data-testid="create-name"
                  autoComplete="off"
                  autoFocus
                  placeholder="web-1"
                  value={draft.name}
                  onChange={(event) => change({ name: event.target.value })}
                />
              )}
            </Field>
            <Field
              label="Labels"
              hint="Optional, for grouping: role=web, env=prod"
              error={(tried ? errors.labels : undefined) ?? problem?.fieldDetail('labels')}
            >
              {(ids) => (
                <Input
                  {...ids}
                  name="labels"
                  data-testid="create-labels"
                  autoComplete="off"
                  value={draft.labels}
                  onChange={(event) => change({ labels: event.target.value })}
                />
              )}
            </Field>
          </CardBody>
        </Card>
        <Choice title="Image" note="The program the domain runs">
          <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
            {images.map((image) => (
              <ChoiceCard
                key={image.name}
                name="image"
                value={image.name}
                checked={image.name === draft.image}
                onChange={() => change({ image: image.name })}
                aria-label={image.name}
                testId={`image-${image.name}`}
              >
                <span className="font-semibold">{image.name}</span>
                <span className="text-ink-soft mt-0.5 block text-sm">{image.description}</span>
                {image.ports.length > 0 ? (
                  <span className="text-ink-soft mt-1 block font-mono text-[12.5px]">
                    :{image.ports.join(' :')}
                  </span>
                ) : null}
              </ChoiceCard>
            ))}
          </div>
        </Choice>
        <Choice title="Plan" note="Size and prices">
          <PlanChoice plans={plans} chosen={draft.planId} onChoose={(planId) => change({ planId })} />
          {plan ? (
            <details className="mt-4">
              <summary className="text-accent-text cursor-pointer font-medium">Prices of {plan.name}</summary>
              <div className="mt-2">
                <PriceList prices={plan.prices} />
              </div>
            </details>
          ) : null}
        </Choice>
        <Card>
          <CardHeader title="Disk and network" />
          <CardBody className="grid grid-cols-1 gap-4 sm:grid-cols-2">
            <Field
              label="Volume size in MiB"
              hint={plan ? `Empty takes the plan’s ${formatMib(plan.size.disk_mib)}` : undefined}
              error={(tried ? errors.volumeMib : undefined) ?? problem?.fieldDetail('volume_mib')}
            >
              {(ids) => (
                <Input
                  {...ids}
                  name="volumeMib"
                  data-testid="create-volume"
                  inputMode="numeric"
                  autoComplete="off"
                  placeholder={plan ? String(plan.size.disk_mib) : ''}
                  value={draft.volumeMib}
                  onChange={(event) => change({ volumeMib: event.target.value.trim() })}
                />
              )}
            </Field>
            <div>
              <p className="mb-1.5 font-medium">Network</p>
              <label className="flex min-h-9 items-center gap-2.5">
                <Checkbox
                  name="publish"
                  data-testid="create-publish"
                  checked={draft.publish}
                  onChange={(event) => change({ publish: event.target.checked })}
                />
                Publish its port at a URL
              </label>
            </div>
          </CardBody>
        </Card>
      </div>
      <EstimateCard
        estimate={estimate.data}
        error={estimate.error}
        stale={estimate.isPlaceholderData}
        footer={footer}
      />
    </form>
  );
}

function Choice({ title, note, children }: { title: string; note: string; children: ReactNode }) {
  return (
    <Card>
      <CardHeader title={title} note={note} />
      <CardBody>
        <fieldset>
          <legend className="sr-only">{title}</legend>
          {children}
        </fieldset>
      </CardBody>
    </Card>
  );
}

interface SubmitProps {
  readonly busy: boolean;
  readonly refusal: string | undefined;
  readonly error: Error | null;
  readonly body: DomainCreate;
}

function Submit({ busy, refusal, error, body }: SubmitProps) {
  const [asCurl, setAsCurl] = useState(false);
  const curl = asCurl ? curlOf(body, window.location.origin) : '';
  return (
    <div className="space-y-3">
      {error ? <ProblemNote error={error} /> : null}
      {refusal ? (
        <p id="create-refusal" className="text-bad-text text-sm">
          {refusal}
        </p>
      ) : null}
      <Button
        type="submit"
        variant="primary"
        size="large"
        className="w-full"
        data-testid="create-submit"
        disabled={busy || refusal !== undefined}
        aria-describedby={refusal ? 'create-refusal' : undefined}
      >
        <Plus aria-hidden />
        {busy ? 'Creating…' : 'Create domain'}
      </Button>
      <Button
        variant="ghost"
        size="small"
        className="w-full"
        aria-expanded={asCurl}
        onClick={() => setAsCurl(!asCurl)}
      >
        {asCurl ? 'Hide the curl line' : 'Show as curl'}
      </Button>
      {asCurl ? (
        <div className="bg-sunken border-line relative rounded-lg border">
          <pre
            data-testid="create-curl"
            tabIndex={0}
            aria-label="The same order as a curl command"
            className="overflow-x-auto p-3 pr-9 font-mono text-[12px] leading-5"
          >
            {curl}
          </pre>
          <span className="absolute top-1.5 right-1.5">
            <CopyButton text={curl} label="Copy the curl command" />
          </span>
        </div>
      ) : null}
    </div>
  );
}

/** The value once it has stood still for a moment, so that typing does not ask at every letter. */
function useDelayed(body: DomainCreate | null): DomainCreate | null {
  const text = JSON.stringify(body);
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), estimateDelayMs);
    return () => clearTimeout(timer);
  }, [text]);
  return JSON.parse(settled) as DomainCreate | null;
}

function FormSkeleton() {
  return (
    <div
      role="status"
      aria-label="Loading the form"
      className="grid grid-cols-1 gap-6 lg:grid-cols-[minmax(0,1fr)_368px]"
    >
      <div className="space-y-6">
        <Skeleton className="h-36 rounded-xl" />
        <Skeleton className="h-44 rounded-xl" />
        <Skeleton className="h-72 rounded-xl" />
      </div>
      <Skeleton className="h-[520px] rounded-xl" />
    </div>
  );
}
