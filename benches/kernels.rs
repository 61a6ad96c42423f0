//! The small steps that everything waits for: an address to an id, an id to an address, the objects in turn, a row of
//! references. `cargo bench --no-default-features --features synth --bench kernels`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use heaproot::base::{Addr, AddrRange, SegmentKind};
use heaproot::snapshot::{Lookup, ObjectId, Objects, References, SegmentRow, TypeId};

/// Objects of the heap.
const N: u32 = 1_000_000;

/// Regions of 4 MiB full of objects of 24 to 104 bytes.
fn objects() -> Objects {
    let (mut segments, mut addresses) = (Vec::new(), Vec::new());
    let mut state = 1_u64;
    let mut start = 0x7f00_0000_0028_u64;
    while (addresses.len() as u32) < N {
        let mut at = start;
        while at + 104 < start + (4 << 20) - 0x28 && (addresses.len() as u32) < N {
            addresses.push(Addr(at));
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            at += 24 + (state >> 60) % 11 * 8;
        }
        segments.push(SegmentRow {
            address: Addr::NULL,
            kind: SegmentKind::Gen2,
            heap: 0,
            objects: AddrRange::new(Addr(start), Addr(at)),
            committed_end: Addr(at),
            reserved_end: Addr(start + (4 << 20)),
            gen1_start: Addr::NULL,
            gen0_start: Addr::NULL,
            first_id: 0,
            n_ids: 0,
        });
        start += 4 << 20;
    }
    let types = (0..addresses.len() as u32).map(|id| TypeId(id % 3000)).collect();
    Objects::new(segments, addresses, types)
}

fn kernels(criterion: &mut Criterion) {
    let objects = objects();
    let in_order: Vec<u64> = objects.all_entries().map(|entry| entry.address.0).collect();
    let mut shuffled = in_order.clone();
    shuffled.sort_by_key(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let ids: Vec<ObjectId> = (0..N).map(|id| ObjectId(id.wrapping_mul(2_654_435_761) % N)).collect();
    let lists: Vec<Vec<ObjectId>> = (0..N)
        .map(|id| {
            (0..id % 4)
                .map(|slot| ObjectId(if slot == 3 { id.wrapping_mul(40_503) % N } else { (id + slot) % N }))
                .collect()
        })
        .collect();
    let references = References::from_lists(&lists);

    let mut group = criterion.benchmark_group("snapshot");
    group.throughput(Throughput::Elements(u64::from(N)));
    for (name, addresses) in [("address to id, in order", &in_order), ("address to id, shuffled", &shuffled)] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                addresses.iter().filter_map(|&at| objects.at(Addr(at))).map(|id| u64::from(id.0)).sum::<u64>()
            });
        });
        group.bench_function(format!("{name}, in batches"), |bench| {
            let lookup = || (Lookup::default(), Vec::with_capacity(2048));
            bench.iter_batched(
                lookup,
                |(mut lookup, mut into)| {
                    for batch in addresses.chunks(2048) {
                        objects.at_each(batch, &mut lookup, &mut into);
                        black_box(&into);
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("id to address, shuffled", |bench| {
        bench.iter(|| ids.iter().fold(0_u64, |sum, &id| sum.wrapping_add(objects.address(id).0)));
    });
    group.bench_function("objects in turn", |bench| {
        bench.iter(|| objects.all_entries().map(|entry| entry.size).sum::<u64>());
    });
    group.throughput(Throughput::Elements(references.n_references()));
    group.bench_function("rows of references in turn", |bench| {
        bench.iter(|| (0..N).flat_map(|id| references.of(ObjectId(id))).map(|to| u64::from(to.0)).sum::<u64>());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = kernels
}
criterion_main!(benches);
