'use client';
import { useRouter, useSearchParams } from 'next/navigation';
import { useState, type FormEvent } from 'react';
import { useSignIn } from '../../api/session';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/form/field';
import { ProblemNote } from '../../ui/problem-note';

/** Only a path of this site may be returned to. */
function safePath(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) ? next : '/';
}

export function SignInForm() {
  const router = useRouter();
  const next = safePath(useSearchParams().get('next'));
  const signIn = useSignIn();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate({ email, password }, { onSuccess: () => router.replace(next) });
  };
  return (
    <form onSubmit={submit} className="space-y-4" aria-label="Sign in">
      <Field label="E-mail">
        {(ids) => (
          <Input
            {...ids}
            data-testid="sign-in-email"
            type="email"
            name="email"
            autoComplete="username"
            required
            autoFocus
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        )}
      </Field>
      <Field label="Password">
        {(ids) => (
          <Input
            {...ids}
            data-testid="sign-in-password"
            type="password"
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      {signIn.error ? <ProblemNote error={signIn.error} /> : null}
      <Button
        type="submit"
        variant="primary"
        size="large"
        className="w-full"
        data-testid="sign-in-submit"
        disabled={signIn.isPending}
      >
        {signIn.isPending ? 'Signing in…' : 'Sign in'}
      </Button>
    </form>
  );
}
