'use client';
import { Boxes, CornerDownLeft, Plus, Search, SunMoon, type LucideIcon } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useTheme } from 'next-themes';
import { Dialog } from 'radix-ui';
import { useEffect, useId, useState, type KeyboardEvent } from 'react';
import { useDomains } from '../../api/domains';
import { Button } from '../../ui/button';
import { classNames } from '../../ui/class-names';
import { rankCommands, type Command } from './command';
import type { NavGroup } from './navigation';

interface PaletteCommand extends Command {
  readonly icon: LucideIcon;
  readonly run: () => void;
}

interface PaletteProps {
  readonly groups: readonly NavGroup[];
  readonly tenant: boolean;
}

/** Search and commands behind mod+K: actions, pages, then domains by name. */
export function Palette({ groups, tenant }: PaletteProps) {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      setOpen((was) => !was);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  return (
    <Dialog.Root open={open} onOpenChange={setOpen}>
      <Dialog.Trigger asChild>
        <Button
          aria-label="Search and commands"
          className="border-line text-ink-soft w-9 justify-center gap-2 px-0 font-normal md:w-52 md:justify-start md:px-3"
        >
          <Search aria-hidden />
          <span className="hidden md:inline">Search</span>
          <kbd className="border-line ml-auto hidden rounded border px-1.5 font-sans text-[11px] md:inline">
            ⌘K
          </kbd>
        </Button>
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <Dialog.Content
          aria-describedby={undefined}
          className="bg-card border-line fixed top-[12dvh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-2xl border shadow-xl focus:outline-none"
        >
          <Dialog.Title className="sr-only">Search and commands</Dialog.Title>
          <PaletteList groups={groups} tenant={tenant} close={() => setOpen(false)} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function PaletteList({ groups, tenant, close }: PaletteProps & { close: () => void }) {
  const listId = useId();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const commands = rankCommands(useCommands(groups, tenant), text);
  const chosen = Math.min(at, commands.length - 1);
  const run = (command: PaletteCommand | undefined) => {
    if (!command) return;
    close();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') return run(commands[chosen]);
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    const step = event.key === 'ArrowDown' ? 1 : -1;
    setAt((chosen + step + commands.length) % Math.max(commands.length, 1));
  };
  return (
    <>
      <input
        autoFocus
        role="combobox"
        aria-expanded
        aria-controls={listId}
        aria-activedescendant={commands[chosen] ? `${listId}-${chosen}` : undefined}
        aria-label="Search domains, pages and actions"
        placeholder="Search domains, pages and actions"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        className="border-line placeholder:text-ink-soft h-12 w-full border-b bg-transparent px-4 outline-none"
      />
      <ul id={listId} role="listbox" aria-label="Results" className="max-h-80 overflow-y-auto p-1.5">
        {commands.map((command, index) => (
          <li
            key={command.id}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseMove={() => setAt(index)}
            onClick={() => run(command)}
            className={classNames(
              'flex h-10 cursor-pointer items-center gap-3 rounded-lg px-3',
              index === chosen && 'bg-sunken',
            )}
          >
            <command.icon aria-hidden className="text-ink-soft size-4" />
            <span className="flex-1 truncate">{command.title}</span>
            <span className="text-ink-soft text-sm">{command.kind}</span>
            {index === chosen ? <CornerDownLeft aria-hidden className="text-ink-soft size-3.5" /> : null}
          </li>
        ))}
      </ul>
      {commands.length === 0 ? <p className="text-ink-soft px-4 pb-4">Nothing is called “{text}”.</p> : null}
    </>
  );
}

function useCommands(groups: readonly NavGroup[], tenant: boolean): PaletteCommand[] {
  const router = useRouter();
  const { resolvedTheme, setTheme } = useTheme();
  const domains = useDomains({}, tenant);
  const go = (href: string) => () => router.push(href);
  const actions: PaletteCommand[] = [
    ...(tenant
      ? [{ id: 'create', title: 'Create a domain', kind: 'Action', icon: Plus, run: go('/domains/new') }]
      : []),
    {
      id: 'theme',
      title: resolvedTheme === 'dark' ? 'Use the light theme' : 'Use the dark theme',
      kind: 'Action',
      icon: SunMoon,
      run: () => setTheme(resolvedTheme === 'dark' ? 'light' : 'dark'),
    },
  ];
  const pages = groups.flatMap((group) =>
    group.entries.map((entry) => ({
      id: entry.href,
      title: entry.label,
      kind: 'Page',
      icon: entry.icon,
      run: go(entry.href),
    })),
  );
  const found = domains.data?.pages.flatMap((page) => page.data) ?? [];
  const objects = found.map((domain) => ({
    id: domain.id,
    title: domain.name,
    kind: 'Domain',
    icon: Boxes,
    run: go(`/domains/${domain.id}`),
  }));
  return [...actions, ...pages, ...objects];
}
