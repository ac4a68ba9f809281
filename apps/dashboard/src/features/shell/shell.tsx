'use client';
import { usePathname, useRouter } from 'next/navigation';
import { Dialog } from 'radix-ui';
import { useEffect, useState, type ReactNode } from 'react';
import type { Me } from '../../api/contract';
import { useLiveEvents } from '../../api/live/use-live-events';
import { ApiProblem } from '../../api/problem';
import { useMe } from '../../api/session';
import { ProblemNote } from '../../ui/problem-note';
import { Skeleton } from '../../ui/skeleton';
import { Breadcrumbs } from './breadcrumbs';
import { ConnectionDot, OfflineBanner } from './connection-dot';
import { CostPill } from './cost-pill';
import { operatorNavigation, tenantNavigation } from './navigation';
import { Palette } from './palette';
import { Sidebar } from './sidebar';
import { SpendCard } from './spend-card';
import { TopBar } from './top-bar';

type View = 'tenant' | 'operator';

/** Where somebody who may not see this view belongs instead; null when they may. */
function elsewhere(me: Me, view: View, pathname: string): string | null {
  if (!me.user) return pathname === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(pathname)}`;
  if (view === 'tenant' && !me.tenant) return me.user.operator_role ? '/operator/hosts' : '/sign-in';
  if (view === 'operator' && !me.user.operator_role) return '/';
  return null;
}

/** The frame of every page behind sign-in: rail, top bar with the cost pill, and the tab's one live stream. */
export function Shell({ view, children }: { view: View; children: ReactNode }) {
  const router = useRouter();
  const pathname = usePathname();
  const me = useMe();
  const signedOut = me.error instanceof ApiProblem && me.error.status === 401;
  const target = signedOut ? '/sign-in' : me.data ? elsewhere(me.data, view, pathname) : null;
  useEffect(() => {
    if (target) router.replace(target);
  }, [router, target]);
  if (me.error && !me.data && !signedOut) {
    return (
      <main className="mx-auto max-w-lg px-4 py-24">
        <ProblemNote error={me.error} what="Sign-in state" onRetry={() => void me.refetch()} />
      </main>
    );
  }
  if (!me.data || target) return <ShellSkeleton />;
  return (
    <Frame me={me.data} view={view}>
      {children}
    </Frame>
  );
}

function Frame({ me, view, children }: { me: Me; view: View; children: ReactNode }) {
  const [menuOpen, setMenuOpen] = useState(false);
  const operator = view === 'operator';
  const groups = operator ? operatorNavigation : tenantNavigation;
  useLiveEvents(view, true);
  const sidebar = (onNavigate?: () => void) => (
    <Sidebar
      me={me}
      groups={groups}
      operator={operator}
      footer={operator ? null : <SpendCard />}
      onNavigate={onNavigate}
    />
  );
  return (
    <div className="min-h-dvh">
      <a
        href="#content"
        className="bg-accent text-accent-ink sr-only z-50 rounded-lg px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      <aside className="bg-card border-line fixed inset-y-0 left-0 hidden w-[248px] border-r lg:block">
        {sidebar()}
      </aside>
      <Drawer open={menuOpen} onOpenChange={setMenuOpen}>
        {sidebar(() => setMenuOpen(false))}
      </Drawer>
      <div className="lg:pl-[248px]">
        {operator ? <div aria-hidden className="bg-memory h-[3px]" /> : null}
        <TopBar
          me={me}
          operator={operator}
          onOpenMenu={() => setMenuOpen(true)}
          start={<Breadcrumbs groups={groups} />}
        >
          <ConnectionDot />
          {operator ? null : <CostPill />}
          <Palette groups={groups} tenant={!operator} />
        </TopBar>
        <OfflineBanner />
        <main id="content" className="mx-auto w-full max-w-[1240px] px-4 py-7 sm:px-6 lg:px-8">
          {children}
        </main>
      </div>
    </div>
  );
}

function Drawer(props: { open: boolean; onOpenChange: (open: boolean) => void; children: ReactNode }) {
  return (
    <Dialog.Root open={props.open} onOpenChange={props.onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <Dialog.Content
          aria-describedby={undefined}
          className="bg-card border-line animate-in slide-in-from-left fixed inset-y-0 left-0 z-50 w-[272px] border-r duration-200 focus:outline-none"
        >
          <Dialog.Title className="sr-only">Menu</Dialog.Title>
          {props.children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function ShellSkeleton() {
  return (
    <div className="min-h-dvh" role="status" aria-label="Loading">
      <div className="bg-card border-line fixed inset-y-0 left-0 hidden w-[248px] space-y-3 border-r p-5 lg:block">
        {Array.from({ length: 7 }, (_, index) => (
          <Skeleton key={index} className="h-7" />
        ))}
      </div>
      <div className="lg:pl-[248px]">
        <div className="bg-card border-line h-14 border-b" />
        <div className="mx-auto max-w-[1240px] space-y-6 px-4 py-7 sm:px-6 lg:px-8">
          <Skeleton className="h-8 w-56" />
          <Skeleton className="h-64 rounded-xl" />
        </div>
      </div>
    </div>
  );
}
