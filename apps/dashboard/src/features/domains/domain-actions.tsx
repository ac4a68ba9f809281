'use client';
import { Ellipsis, Pause, Play, Power, PowerOff, RotateCw, Square, Trash2 } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { toast } from 'sonner';
import { useCatalog } from '../../api/catalog';
import type { Domain } from '../../api/contract';
import { useDomainAction } from '../../api/domains';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/form/field';
import { ConfirmDialog } from '../../ui/overlay/dialog';
import { Menu, MenuItem, MenuRule } from '../../ui/overlay/menu';
import { Reason } from '../../ui/overlay/reason';
import { ProblemNote } from '../../ui/problem-note';
import {
  actionOrder,
  actionWords,
  likeliestAction,
  moneyOfAction,
  reasonAgainst,
  type DomainAction,
} from './action-words';

const icons: Record<DomainAction, ReactNode> = {
  start: <Play aria-hidden />,
  unpause: <Play aria-hidden />,
  pause: <Pause aria-hidden />,
  reboot: <RotateCw aria-hidden />,
  shutdown: <Power aria-hidden />,
  stop: <PowerOff aria-hidden />,
  delete: <Trash2 aria-hidden />,
};

/** The likeliest action as a button, all of them in the menu; a blocked one stays and says why. */
export function DomainActions({ domain }: { domain: Domain }) {
  const [asked, setAsked] = useState<DomainAction | null>(null);
  const action = useDomainAction(domain.id);
  const run = (type: DomainAction) => {
    action.mutate(type, {
      onSuccess: () => {
        setAsked(null);
        toast(`${actionWords[type].verb}: ${domain.name}`);
      },
    });
  };
  const choose = (type: DomainAction) => {
    action.reset();
    if (actionWords[type].confirmed) setAsked(type);
    else run(type);
  };
  const likeliest = likeliestAction(domain);
  return (
    <>
      <ActionButton domain={domain} type={likeliest} busy={action.isPending} onChoose={choose} />
      <Menu
        label="Actions"
        trigger={
          <Button size="icon" aria-label="More actions" data-testid="domain-menu">
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        {actionOrder.map((type) => (
          <div key={type}>
            {type === 'delete' ? <MenuRule /> : null}
            <MenuItem
              icon={type === 'stop' ? <Square aria-hidden /> : icons[type]}
              danger={actionWords[type].danger}
              blockedBy={reasonAgainst(type, domain)}
              testId={`action-${type}`}
              onSelect={() => choose(type)}
            >
              {actionWords[type].verb}
            </MenuItem>
          </div>
        ))}
      </Menu>
      {action.error && !asked ? (
        <div className="w-full">
          <ProblemNote error={action.error} />
        </div>
      ) : null}
      {asked ? (
        <ActionConfirm
          key={asked}
          domain={domain}
          type={asked}
          busy={action.isPending}
          error={action.error}
          onCancel={() => setAsked(null)}
          onConfirm={() => run(asked)}
        />
      ) : null}
    </>
  );
}

interface ActionButtonProps {
  readonly domain: Domain;
  readonly type: DomainAction;
  readonly busy: boolean;
  readonly onChoose: (type: DomainAction) => void;
}

function ActionButton({ domain, type, busy, onChoose }: ActionButtonProps) {
  const reason = reasonAgainst(type, domain);
  return (
    <Reason text={reason}>
      <Button
        data-testid={`do-${type}`}
        // aria-disabled rather than disabled: the reason must be reachable by keyboard.
        aria-disabled={reason !== undefined || busy}
        onClick={() => (reason === undefined && !busy ? onChoose(type) : undefined)}
      >
        {icons[type]}
        {actionWords[type].verb}
      </Button>
    </Reason>
  );
}

interface ActionConfirmProps {
  readonly domain: Domain;
  readonly type: DomainAction;
  readonly busy: boolean;
  readonly error: Error | null;
  readonly onCancel: () => void;
  readonly onConfirm: () => void;
}

function ActionConfirm({ domain, type, busy, error, onCancel, onConfirm }: ActionConfirmProps) {
  const catalog = useCatalog();
  const [typed, setTyped] = useState('');
  const words = actionWords[type];
  const plan = catalog.data?.data.find((one) => one.id === domain.plan.id);
  const irreversible = type === 'delete';
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => (open ? undefined : onCancel())}
      title={`${words.verb} ${domain.name}?`}
      consequence={words.consequence}
      money={moneyOfAction(type, { domain, plan, powerStates: catalog.data?.power_states ?? [] })}
      confirm={words.verb}
      danger={words.danger}
      busy={busy}
      blocked={irreversible && typed !== domain.name}
      onConfirm={onConfirm}
    >
      {irreversible ? (
        <Field label={`Type ${domain.name} to confirm`}>
          {(ids) => (
            <Input
              {...ids}
              autoComplete="off"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          )}
        </Field>
      ) : null}
      {error ? <ProblemNote error={error} /> : null}
    </ConfirmDialog>
  );
}
