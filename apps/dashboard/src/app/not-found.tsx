import Link from 'next/link';
import { Button } from '../ui/button';

export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-4 px-4 text-center">
      <h1 className="text-2xl font-semibold tracking-[-0.02em]">There is no such page</h1>
      <Button asChild>
        <Link href="/">Back to the overview</Link>
      </Button>
    </main>
  );
}
