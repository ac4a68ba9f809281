import type { Allowance } from './allowance.js';
import type { AllowanceItem } from './allowance-item.js';

/** Who has to be asked about a resource: the allowances it is a member or a weight of, and its items in each. */
export class AllowanceIndex {
  private readonly byResource = new Map<string, Map<Allowance, AllowanceItem[]>>();

  add(allowance: Allowance): void {
    for (const id of allowance.members) this.itemsIn(allowance, id);
    for (const item of allowance.items) this.itemsIn(allowance, item.weight.resourceId).push(item);
  }

  remove(allowance: Allowance): void {
    const ids = [...allowance.members, ...allowance.items.map((item) => item.weight.resourceId)];
    for (const id of ids) {
      const entry = this.byResource.get(id);
      entry?.delete(allowance);
      if (entry?.size === 0) this.byResource.delete(id);
    }
  }

  /** Each allowance that a resource has to do with, with the resource's items in it. */
  of(resourceId: string): [Allowance, AllowanceItem[]][] {
    return [...(this.byResource.get(resourceId) ?? [])];
  }

  private itemsIn(allowance: Allowance, resourceId: string): AllowanceItem[] {
    let entry = this.byResource.get(resourceId);
    if (entry === undefined) {
      entry = new Map();
      this.byResource.set(resourceId, entry);
    }
    let items = entry.get(allowance);
    if (items === undefined) {
      items = [];
      entry.set(allowance, items);
    }
    return items;
  }
}
