'use client';
import { useConnection, type Connection } from '../../api/live/connection';
import { classNames } from '../../ui/class-names';
import { Reason } from '../../ui/overlay/reason';

const looks: Record<Connection, { word: string; tip: string; colour: string }> = {
  live: { word: 'Live', tip: 'Figures arrive once a second.', colour: 'bg-good' },
  connecting: { word: 'Catching up', tip: 'Opening the live stream.', colour: 'bg-warn' },
  offline: {
    word: 'Offline',
    tip: 'The live stream is down; pages refresh on their own meanwhile.',
    colour: 'bg-bad',
  },
};

export function ConnectionDot() {
  const connection = useConnection();
  const { word, tip, colour } = looks[connection];
  return (
    <Reason text={tip}>
      <button
        type="button"
        data-testid="connection"
        data-connection={connection}
        className="text-ink-soft hidden h-7 items-center gap-1.5 rounded-full px-2 text-sm lg:inline-flex"
      >
        <span aria-hidden className={classNames('size-2 rounded-full', colour)} />
        {word}
      </button>
    </Reason>
  );
}

/** Frozen figures must say so: shown once the stream has been silent for some seconds. */
export function OfflineBanner() {
  if (useConnection() !== 'offline') return null;
  return (
    <p role="status" className="bg-warn-wash text-warn-text px-4 py-2 text-center text-sm">
      The live stream is down. Figures are as of the last refresh; it reconnects by itself.
    </p>
  );
}
