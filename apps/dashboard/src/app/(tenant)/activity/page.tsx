import type { Metadata } from 'next';
import { EventFeed } from '../../../features/activity/event-feed';
import { Card, CardBody } from '../../../ui/card';
import { PageHeader } from '../../../ui/page-header';

export const metadata: Metadata = { title: 'Activity' };

export default function ActivityPage() {
  return (
    <>
      <PageHeader title="Activity" />
      <Card>
        <CardBody className="pt-2">
          <EventFeed />
        </CardBody>
      </Card>
    </>
  );
}
