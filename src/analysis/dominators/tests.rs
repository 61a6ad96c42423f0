//! Dominators against brute force on small graphs, against a plain Lengauer-Tarjan on big ones of every shape, and their
//! cost in steps, which no clock blurs.

use super::*;
use crate::synth::graph::GraphSpec;
use crate::synth::random::Random;

fn tree_of(lists: &[Vec<u32>], roots: &[u32]) -> (HeapSnapshot, DominatorTree) {
    let (snapshot, graph) = GraphSpec::from_lists(lists).with_handles(roots).build();
    let held = root_objects(&graph, DominatorOptions { stack: false });
    let tree = dominators(&snapshot, &graph, &held, &Job::new()).unwrap();
    (snapshot, tree)
}

/// What the roots reach when `without` is not there.
fn reached(lists: &[Vec<u32>], roots: &[u32], without: Option<u32>) -> Vec<bool> {
    let mut seen = vec![false; lists.len()];
    let mut stack: Vec<u32> = roots.to_vec();
    while let Some(at) = stack.pop() {
        if Some(at) != without && !seen[at as usize] {
            seen[at as usize] = true;
            stack.extend(&lists[at as usize]);
        }
    }
    seen
}

fn random_graph(random: &mut Random, n: u32) -> (Vec<Vec<u32>>, Vec<u32>) {
    let n_edges = random.below(3 * n);
    let mut lists = vec![Vec::new(); n as usize];
    for _ in 0..n_edges {
        lists[random.below(n) as usize].push(random.below(n));
    }
    let roots = (0..=random.below(3)).map(|_| random.below(n)).collect();
    (lists, roots)
}

#[test]
fn equal_to_brute_force_on_thousands_of_small_graphs() {
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    for _ in 0..4_000 {
        let n = 1 + random.below(12);
        let (lists, roots) = random_graph(&mut random, n);
        let (snapshot, tree) = tree_of(&lists, &roots);
        let all = reached(&lists, &roots, None);
        for object in 0..n {
            let id = ObjectId(object);
            assert_eq!(tree.is_reached(id), all[object as usize], "{lists:?} {roots:?}");
            if !all[object as usize] {
                assert_eq!((tree.dominator(id), tree.retained(&snapshot, id)), (None, None));
                continue;
            }
            // What goes when the object goes is what it retains.
            let rest = reached(&lists, &roots, Some(object));
            let lost = (0..n).filter(|&other| all[other as usize] && !rest[other as usize]);
            let (bytes, count) =
                lost.fold((0, 0), |(bytes, count), other| (bytes + snapshot.objects.size(ObjectId(other)), count + 1));
            assert_eq!(
                tree.retained(&snapshot, id),
                Some(Retained { bytes, count }),
                "{object} in {lists:?} {roots:?}"
            );
            // Its dominators are those without which it is not reached; the immediate one retains the least of them.
            let over = (0..n).filter(|&other| {
                other != object && all[other as usize] && !reached(&lists, &roots, Some(other))[object as usize]
            });
            let nearest = over.min_by_key(|&other| tree.retained(&snapshot, ObjectId(other)).unwrap().count);
            let expected = nearest.map_or(Dominator::Root, |other| Dominator::Object(ObjectId(other)));
            assert_eq!(tree.dominator(id), Some(expected), "{object} in {lists:?} {roots:?}");
        }
    }
}

/// Immediate dominators by the simple algorithm of Lengauer and Tarjan, written apart from the one under test.
fn lengauer_tarjan(lists: &[Vec<u32>], roots: &[u32]) -> Vec<Option<Dominator>> {
    let n = lists.len();
    let root = n as u32;
    let mut roots = roots.to_vec();
    roots.sort_unstable();
    roots.dedup();
    let row = |at: u32| if at == root { roots.as_slice() } else { lists[at as usize].as_slice() };
    let (mut order, mut parent, mut place) = (Vec::new(), vec![root; n + 1], vec![usize::MAX; n + 1]);
    let mut stack = vec![(root, root)];
    while let Some((at, from)) = stack.pop() {
        if place[at as usize] == usize::MAX {
            place[at as usize] = order.len();
            parent[at as usize] = from;
            order.push(at);
            stack.extend(row(at).iter().rev().map(|&to| (to, at)));
        }
    }
    let mut before = vec![Vec::new(); n + 1];
    for &at in &order {
        for &to in row(at) {
            before[to as usize].push(at);
        }
    }
    let mut semi: Vec<usize> = place.clone();
    let mut ancestor = vec![None; n + 1];
    let mut best: Vec<u32> = (0..=root).collect();
    let mut bucket: Vec<Vec<u32>> = vec![Vec::new(); n + 1];
    let mut idom = vec![root; n + 1];
    fn eval(at: u32, ancestor: &mut [Option<u32>], best: &mut [u32], semi: &[usize]) -> u32 {
        let mut path = Vec::new();
        let mut top = at;
        while let Some(next) = ancestor[top as usize] {
            path.push(top);
            top = next;
        }
        // The last of the path hangs on the top of its tree, which is not part of it.
        let Some(last) = path.pop() else { return best[at as usize] };
        let mut above = last;
        while let Some(low) = path.pop() {
            if semi[best[above as usize] as usize] < semi[best[low as usize] as usize] {
                best[low as usize] = best[above as usize];
            }
            ancestor[low as usize] = Some(top);
            above = low;
        }
        best[at as usize]
    }
    for &at in order.iter().skip(1).rev() {
        for from in before[at as usize].clone() {
            let least = eval(from, &mut ancestor, &mut best, &semi);
            semi[at as usize] = semi[at as usize].min(semi[least as usize]);
        }
        bucket[order[semi[at as usize]] as usize].push(at);
        let above = parent[at as usize];
        ancestor[at as usize] = Some(above);
        for low in std::mem::take(&mut bucket[above as usize]) {
            let least = eval(low, &mut ancestor, &mut best, &semi);
            idom[low as usize] = if semi[least as usize] < semi[low as usize] { least } else { above };
        }
    }
    for &at in order.iter().skip(1) {
        if idom[at as usize] != order[semi[at as usize]] {
            idom[at as usize] = idom[idom[at as usize] as usize];
        }
    }
    (0..n as u32)
        .map(|at| {
            (place[at as usize] != usize::MAX).then(|| match idom[at as usize] {
                above if above == root => Dominator::Root,
                above => Dominator::Object(ObjectId(above)),
            })
        })
        .collect()
}

/// A heap of one shape with about `n` objects, and its roots.
fn profile(name: &str, n: u32) -> (Vec<Vec<u32>>, Vec<u32>) {
    let mut random = Random::new(0x1234_5678_9abc_def1);
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); n as usize];
    let mut roots = vec![0];
    match name {
        // Trees of entities with strings and back references.
        "typical" => {
            for at in 1..n {
                lists[(at / 4) as usize].push(at);
                if at % 3 == 0 {
                    lists[at as usize].push(at / 4);
                }
                if at % 7 == 0 {
                    lists[at as usize].push(random.below(n));
                }
            }
            roots = vec![0, n / 2, n / 3];
        }
        // The same with ids that have nothing to do with neighbourhood.
        "shuffled" => {
            let mut ids: Vec<u32> = (0..n).collect();
            random.shuffle(&mut ids);
            return placed(profile("typical", n), &ids);
        }
        // The same as a process of some age has it.
        "aged" => return placed(profile("typical", n), &aged(n, &mut random)),
        // One list whose nodes share objects: node i and node n - i refer to the same one, which refers on.
        "deep" => {
            let nodes = n / 2;
            for at in 0..nodes {
                if at + 1 < nodes {
                    lists[at as usize].push(at + 1);
                }
                let shared = nodes + at.min(nodes - 1 - at);
                lists[at as usize].push(shared);
                lists[shared as usize].push(n - 1);
            }
            lists[(n - 1) as usize].clear();
        }
        // Diamonds in a row.
        "butterfly" => {
            for at in 0..n {
                for to in [2 * (at / 2) + 2, 2 * (at / 2) + 3] {
                    if to < n {
                        lists[at as usize].push(to);
                    }
                }
            }
            roots = vec![0, 1];
        }
        // Everybody refers to one object, and it to everybody.
        "hub" => {
            for at in 1..n {
                lists[at as usize].push(1);
                lists[0].push(at);
                if at > 1 {
                    lists[1].push(at);
                }
            }
        }
        // Parent, first child, next sibling, and back.
        "cyclic" => {
            for at in 1..n {
                let above = at / 5;
                lists[above as usize].push(at);
                lists[at as usize].push(above);
                if at % 5 != 0 && at + 1 < n {
                    lists[at as usize].push(at + 1);
                    lists[(at + 1) as usize].push(at);
                }
            }
        }
        // Three references to anywhere each.
        "expander" => {
            for row in &mut lists {
                row.extend((0..3).map(|_| random.below(n)));
            }
        }
        other => panic!("no profile is called {other}"),
    }
    (lists, roots)
}

/// The same heap with object `at` where `ids` says.
fn placed((plain, roots): (Vec<Vec<u32>>, Vec<u32>), ids: &[u32]) -> (Vec<Vec<u32>>, Vec<u32>) {
    let moved = |row: &[u32]| row.iter().map(|&to| ids[to as usize]).collect();
    let mut lists = vec![Vec::new(); plain.len()];
    for (row, &id) in plain.iter().zip(ids) {
        lists[id as usize] = moved(row);
    }
    (lists, moved(&roots))
}

/// Ids of objects that eight threads allocated in turns of fifty, in regions of 1,024 that were filled in any order.
fn aged(n: u32, random: &mut Random) -> Vec<u32> {
    let mut regions: Vec<u32> = (0..n.div_ceil(1 << 10) + 1).collect();
    random.shuffle(&mut regions);
    let of_thread = n / 8 + 1;
    let mut order: Vec<u32> = (0..n).collect();
    order.sort_by_cached_key(|&at| {
        let place = at % of_thread / 50 * 400 + at / of_thread * 50;
        (regions[(place >> 10) as usize], place, at)
    });
    let mut ids = vec![0; n as usize];
    for (id, &at) in (0..n).zip(&order) {
        ids[at as usize] = id;
    }
    ids
}

const PROFILES: [&str; 8] = ["typical", "shuffled", "aged", "deep", "butterfly", "hub", "cyclic", "expander"];

#[test]
fn equal_to_lengauer_tarjan_on_heaps_of_every_shape() {
    for name in PROFILES {
        let (lists, roots) = profile(name, 20_000);
        let (_, tree) = tree_of(&lists, &roots);
        let expected = lengauer_tarjan(&lists, &roots);
        let found: Vec<Option<Dominator>> = (0..lists.len() as u32).map(|at| tree.dominator(ObjectId(at))).collect();
        assert!(found == expected, "{name}");
    }
}

#[test]
fn children_and_self_are_what_is_retained() {
    for name in PROFILES {
        let (lists, roots) = profile(name, 20_000);
        let (snapshot, tree) = tree_of(&lists, &roots);
        let mut below = vec![Retained::default(); lists.len()];
        let mut root = Retained::default();
        for object in snapshot.objects.ids() {
            let Some(retained) = tree.retained(&snapshot, object) else { continue };
            let sum = match tree.dominator(object).unwrap() {
                Dominator::Root => &mut root,
                Dominator::Object(above) => &mut below[above.index()],
            };
            sum.bytes += retained.bytes;
            sum.count += retained.count;
        }
        let all = reached(&lists, &roots, None);
        assert_eq!(root.count, all.iter().filter(|&&is| is).count() as u64, "{name}");
        assert_eq!(root, tree.total(), "{name}");
        for object in snapshot.objects.ids().filter(|object| all[object.index()]) {
            let below = below[object.index()];
            let whole = Retained { bytes: below.bytes + snapshot.objects.size(object), count: below.count + 1 };
            assert_eq!(tree.retained(&snapshot, object), Some(whole), "{name}");
        }
    }
}

#[test]
fn no_shape_is_quadratic() {
    for name in PROFILES {
        let (lists, roots) = profile(name, 200_000);
        let (_, tree) = tree_of(&lists, &roots);
        let Steps { n_core, n_cross, compression, climb, leaf } = tree.steps();
        let work = n_core + n_cross;
        // The textbook climb takes some 10^10 steps on the deep one.
        assert!(compression <= 8 * work, "{name}: {compression} for {work}");
        assert!(climb <= 40 * n_core, "{name}: {climb} for {n_core}");
        assert!(leaf <= 80 * lists.len() as u64, "{name}: {leaf}");
    }
}

#[test]
fn a_list_of_a_million_nodes_needs_no_recursion() {
    let n = 1_000_000;
    let lists: Vec<Vec<u32>> = (0..n).map(|at| if at + 1 < n { vec![at + 1] } else { Vec::new() }).collect();
    let (snapshot, tree) = tree_of(&lists, &[0]);
    assert_eq!(tree.retained(&snapshot, ObjectId(0)).unwrap().count, u64::from(n));
    assert_eq!(tree.dominator(ObjectId(n - 1)), Some(Dominator::Object(ObjectId(n - 2))));
}

#[test]
fn nothing_is_reached_without_roots() {
    let (_, tree) = tree_of(&[vec![1], vec![0]], &[]);
    assert_eq!((tree.total(), tree.is_reached(ObjectId(0))), (Retained::default(), false));
}

#[test]
fn a_set_retains_what_nothing_else_holds() {
    let mut random = Random::new(77);
    for _ in 0..1_000 {
        let n = 2 + random.below(10);
        let (lists, roots) = random_graph(&mut random, n);
        let (snapshot, graph) = GraphSpec::from_lists(&lists).with_handles(&roots).build();
        let held = root_objects(&graph, DominatorOptions { stack: false });
        let job = Job::new();
        let tree = dominators(&snapshot, &graph, &held, &job).unwrap();
        let members: Vec<u32> = (0..n).filter(|_| random.below(3) == 0).collect();
        let mut set = ObjectSet::new(lists.len());
        members.iter().for_each(|&member| {
            set.insert(ObjectId(member));
        });
        // The same graph without them.
        let without: Vec<Vec<u32>> =
            lists.iter().map(|row| row.iter().copied().filter(|target| !members.contains(target)).collect()).collect();
        let left: Vec<u32> = roots.iter().copied().filter(|root| !members.contains(root)).collect();
        let (all, rest) = (reached(&lists, &roots, None), reached(&without, &left, None));
        let lost = (0..n).filter(|&at| all[at as usize] && !rest[at as usize]);
        let expected = lost.fold(Retained::default(), |sum, at| Retained {
            bytes: sum.bytes + snapshot.objects.size(ObjectId(at)),
            count: sum.count + 1,
        });
        let found = sets::retained_by(&snapshot, &graph, &tree, &held, &set, &job).unwrap();
        assert_eq!(found, expected, "{members:?} of {lists:?} {roots:?}");
        let holders = sets::holders_of(&snapshot, &tree, &set, |_| false, &job).unwrap();
        let alive = sets::live_part(&snapshot, &tree, &set, &job).unwrap();
        assert_eq!(holders.iter().map(|holder| holder.bytes).sum::<u64>(), alive.bytes);
    }
}

#[test]
fn children_stand_below_their_dominator_biggest_first() {
    for name in PROFILES {
        let (lists, roots) = profile(name, 5_000);
        let (snapshot, tree) = tree_of(&lists, &roots);
        let children = children::Children::new(&tree, &snapshot, &Job::new()).unwrap();
        let mut n = 0;
        let mut stack = vec![Dominator::Root];
        while let Some(at) = stack.pop() {
            let row = children.of(&tree, at);
            let bytes = |object: &ObjectId| tree.retained(&snapshot, *object).unwrap().bytes;
            assert!(row.is_sorted_by_key(|object| (std::cmp::Reverse(bytes(object)), *object)), "{name}");
            for &object in row {
                assert_eq!(tree.dominator(object), Some(at), "{name}");
                stack.push(Dominator::Object(object));
                n += 1;
            }
        }
        assert_eq!(n, tree.total().count, "{name}");
        // One type: everything that hangs on the root.
        let by_type = children.retained_by_type(&tree, &snapshot, &Job::new()).unwrap();
        assert_eq!(by_type, [tree.total()], "{name}");
    }
}
