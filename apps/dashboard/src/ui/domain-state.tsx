import { CircleAlert, LoaderCircle, Pause, Square, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { Badge, type Tone } from './badge';

interface Look {
  readonly word: string;
  readonly tone: Tone;
  readonly icon: ReactNode;
}

const spinner = <LoaderCircle aria-hidden className="animate-spin" />;
const dot = (
  <span aria-hidden className="relative flex size-2">
    <span className="bg-good absolute inline-flex size-full animate-ping rounded-full opacity-40" />
    <span className="bg-good relative inline-flex size-2 rounded-full" />
  </span>
);

function lookOf(state: string, phase: string): Look {
  if (phase === 'provisioning') return { word: 'Building', tone: 'accent', icon: spinner };
  if (phase === 'deleting') return { word: 'Deleting', tone: 'neutral', icon: spinner };
  if (phase === 'deleted') return { word: 'Deleted', tone: 'neutral', icon: <Trash2 aria-hidden /> };
  if (phase === 'failed') return { word: 'Failed', tone: 'bad', icon: <CircleAlert aria-hidden /> };
  if (state === 'running') return { word: 'Running', tone: 'good', icon: dot };
  if (state === 'paused') return { word: 'Paused', tone: 'warn', icon: <Pause aria-hidden /> };
  if (state === 'crashed') return { word: 'Crashed', tone: 'bad', icon: <CircleAlert aria-hidden /> };
  return { word: 'Halted', tone: 'neutral', icon: <Square aria-hidden /> };
}

/** State as icon and word, never colour alone. */
export function DomainState({ state, phase, testId }: { state: string; phase: string; testId?: string }) {
  const { word, tone, icon } = lookOf(state, phase);
  return (
    <Badge tone={tone} data-testid={testId} data-state={state} data-phase={phase}>
      {icon}
      {word}
    </Badge>
  );
}
