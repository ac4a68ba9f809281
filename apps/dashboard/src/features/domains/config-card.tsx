import type { Domain } from '../../api/contract';
import { Card, CardBody, CardHeader, Fact, Facts } from '../../ui/card';
import { formatMib } from '../../ui/format/quantity';
import { formatMoment } from '../../ui/format/time';

export function ConfigCard({ domain }: { domain: Domain }) {
  const { config } = domain;
  const labels = Object.entries(domain.labels);
  return (
    <Card>
      <CardHeader title="Configuration" aside={domain.plan.name} />
      <CardBody>
        <Facts>
          <Fact name="vCPUs">{config.vcpus}</Fact>
          <Fact name="CPU cap">{config.cap > 0 ? `${config.cap}% of one pCPU` : 'none'}</Fact>
          <Fact name="Weight">{config.weight}</Fact>
          <Fact name="Memory">{formatMib(config.memory_mib)}</Fact>
          {config.volumes.map((volume) => (
            <Fact key={volume.id} name="Volume">
              {formatMib(volume.mib)}
            </Fact>
          ))}
          <Fact name="Image">{config.image}</Fact>
          {labels.length > 0 ? (
            <Fact name="Labels">{labels.map(([key, value]) => `${key}=${value}`).join(', ')}</Fact>
          ) : null}
          <Fact name="Created">{formatMoment(domain.created_at)}</Fact>
          <Fact name="Id">
            <span className="font-mono text-[12.5px] break-all">{domain.id}</span>
          </Fact>
        </Facts>
      </CardBody>
    </Card>
  );
}
