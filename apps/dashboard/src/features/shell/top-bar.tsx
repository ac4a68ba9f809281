'use client';
import { LogOut, Menu as MenuIcon, Moon, Server, Sun, UserRound } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useTheme } from 'next-themes';
import { useSyncExternalStore, type ReactNode } from 'react';
import type { Me } from '../../api/contract';
import { useSignOut } from '../../api/session';
import { Button } from '../../ui/button';
import { Menu, MenuItem, MenuLabel, MenuRule } from '../../ui/overlay/menu';

interface TopBarProps {
  readonly me: Me;
  readonly operator: boolean;
  readonly onOpenMenu: () => void;
  readonly start: ReactNode;
  readonly children: ReactNode;
}

export function TopBar({ me, operator, onOpenMenu, start, children }: TopBarProps) {
  return (
    <header className="bg-card border-line sticky top-0 z-30 flex h-14 items-center gap-2 border-b px-3 sm:px-6">
      <Button
        variant="ghost"
        size="icon"
        className="lg:hidden"
        aria-label="Open the menu"
        onClick={onOpenMenu}
      >
        <MenuIcon aria-hidden />
      </Button>
      {start}
      <div className="ml-auto flex min-w-0 items-center gap-1.5 sm:gap-2">
        {children}
        <ThemeButton />
        <UserMenu me={me} operator={operator} />
      </div>
    </header>
  );
}

const never = () => () => undefined;

function ThemeButton() {
  const { resolvedTheme, setTheme } = useTheme();
  // The server cannot know the theme; the icon appears with the first paint in the browser.
  const mounted = useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
  const dark = mounted && resolvedTheme === 'dark';
  return (
    <Button
      variant="ghost"
      size="icon"
      className="hidden sm:inline-flex"
      data-testid="theme"
      aria-label={dark ? 'Use the light theme' : 'Use the dark theme'}
      onClick={() => setTheme(dark ? 'light' : 'dark')}
    >
      {dark ? <Moon aria-hidden /> : <Sun aria-hidden />}
    </Button>
  );
}

function UserMenu({ me, operator }: { me: Me; operator: boolean }) {
  const router = useRouter();
  const signOut = useSignOut();
  const { resolvedTheme, setTheme } = useTheme();
  const name = me.user?.name || me.user?.email || '';
  const initials = name
    .split(/[\s@.]+/)
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join('');
  const trigger = (
    <button
      type="button"
      data-testid="user-menu"
      aria-label={`Account of ${name}`}
      className="bg-accent-wash text-accent-text flex size-8 shrink-0 items-center justify-center rounded-full text-sm font-medium"
    >
      {initials}
    </button>
  );
  return (
    <Menu trigger={trigger} label="Account">
      <MenuLabel>
        <span className="text-ink block font-medium">{name}</span>
        <span className="text-ink-soft block break-all">{me.user?.email}</span>
      </MenuLabel>
      <MenuRule />
      {me.user?.operator_role && !operator ? (
        <MenuItem
          icon={<Server aria-hidden />}
          onSelect={() => router.push('/operator/hosts')}
          testId="to-operator"
        >
          Operator view
        </MenuItem>
      ) : null}
      {operator && me.tenant ? (
        <MenuItem icon={<UserRound aria-hidden />} onSelect={() => router.push('/')}>
          Tenant view
        </MenuItem>
      ) : null}
      <MenuItem
        icon={<Sun aria-hidden />}
        onSelect={() => setTheme(resolvedTheme === 'dark' ? 'light' : 'dark')}
      >
        {resolvedTheme === 'dark' ? 'Light theme' : 'Dark theme'}
      </MenuItem>
      <MenuItem
        icon={<LogOut aria-hidden />}
        testId="sign-out"
        onSelect={() => signOut.mutate(undefined, { onSettled: () => router.replace('/sign-in') })}
      >
        Sign out
      </MenuItem>
    </Menu>
  );
}
