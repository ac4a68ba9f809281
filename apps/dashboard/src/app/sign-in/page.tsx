import type { Metadata } from 'next';
import { Suspense } from 'react';
import { SignInForm } from '../../features/sign-in/sign-in-form';

export const metadata: Metadata = { title: 'Sign in' };

export default function SignInPage() {
  return (
    <main className="flex min-h-dvh items-center justify-center px-4 py-12">
      <div className="w-full max-w-sm">
        <img src="/icon.svg" alt="" width={40} height={40} className="mb-5" />
        <h1 className="text-2xl leading-8 font-semibold tracking-[-0.02em]">Sign in to Xenorack</h1>
        <p className="text-ink-soft mt-1 mb-6">
          Slices of hosts, billed to the fraction of a cent as they run.
        </p>
        <div className="bg-card border-line rounded-xl border p-5">
          <Suspense>
            <SignInForm />
          </Suspense>
        </div>
      </div>
    </main>
  );
}
