//! Managed threads: which fields a `Thread` has is found out from the threads themselves.
//!
//! No offset is believed because of a version. Each is the one at which most threads hold what they must: an id of the
//! operating system's threads, a stack that holds the stack pointer, two handles to the same managed thread, an
//! allocation context that is a hole in the heap. Measured on 2.1, 3.1, 8, 9, 10, x64 and arm64, glibc and musl.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Runtime;
use super::gc_handle::Handles;
use super::object::{SMALLEST_BYTES, object_at};
use super::thread_store::{NO_ID, ThreadList, id_offset};
use super::words::{word, word32};
use crate::base::found::Evidence;
use crate::base::{Addr, AddrRange, HandleKind, SegmentKind};

/// Bytes of a Thread that are searched (OS ids stand at 0x128 to 0x1f4, thread locals at up to 0x478).
const THREAD_BYTES: u64 = 0x400;
/// Bytes of the biggest stack believed.
const STACK_BYTES: u64 = 16 << 30;
/// Bits of a thread's state that are shown, with their words (threads.h; the same from 2.1 to 10).
const STATE_WORDS: [(u32, &str); 9] = [
    (0x0000_0001, "abort requested"),
    (0x0000_0200, "background"),
    (0x0000_0400, "not started"),
    (0x0000_0800, "ended"),
    (0x0000_4000, "STA"),
    (0x0000_8000, "MTA"),
    (0x0008_0000, "suspended"),
    (0x0100_0000, "pool worker"),
    (0x0800_0000, "completion port"),
];

/// A managed thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// The runtime's `Thread`.
    pub address: Addr,
    /// Managed id; 0 when it is not known.
    pub managed_id: u32,
    /// Id of the operating system; 0 when it has ended or not started.
    pub os_id: u32,
    /// Index of the operating system's thread in the target: present for threads that run.
    pub os_thread: Option<usize>,
    /// Raw state bits.
    pub state: Option<u32>,
    /// It is in managed code, or in code that may hold raw references (preemptive mode off).
    pub is_cooperative: Option<bool>,
    /// It runs finalizers.
    pub is_finalizer: bool,
    /// Its stack, lowest to highest address.
    pub stack: Option<AddrRange>,
    /// Stack pointer in the dump.
    pub stack_pointer: Addr,
    /// The weak handle of its managed thread; null when there is none.
    pub exposed_handle: Addr,
    /// Its `System.Threading.Thread`.
    pub object: Option<Addr>,
    /// The strong handle of the same.
    pub strong_handle: Addr,
    /// The handle of the exception it threw last.
    pub exception_handle: Addr,
    /// The exception it is handling, or threw last.
    pub exception: Option<Addr>,
    /// The unused part of its allocation context.
    pub alloc_context: Option<AddrRange>,
}

impl Thread {
    /// It runs in the dump.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.os_thread.is_some()
    }

    /// Its state in words: `background, pool worker`.
    #[must_use]
    pub fn state_text(&self) -> String {
        let state = self.state.unwrap_or(0);
        let words: Vec<&str> = STATE_WORDS.iter().filter(|(bit, _)| state & bit != 0).map(|&(_, word)| word).collect();
        words.join(", ")
    }
}

/// Where the fields of a Thread stand; `None` where no offset held for the threads of this dump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadLayout {
    /// Id of the operating system.
    pub os_id: Option<u64>,
    /// Managed id.
    pub managed_id: Option<u64>,
    /// State bits; whether it is cooperative stands behind them.
    pub state: Option<u64>,
    /// Highest stack address; the lowest stands behind it.
    pub stack: Option<u64>,
    /// Weak handle of the managed thread; the strong one stands behind it.
    pub exposed: Option<u64>,
    /// Handle of the exception thrown last.
    pub exception: Option<u64>,
    /// Pointer to thread-local data that points back (9 and later).
    pub locals: Option<u64>,
    /// Allocation context: in the Thread, or behind the pointer at the first offset at the second.
    pub alloc_context: Option<(Option<u64>, u64)>,
}

/// The managed threads of a process.
#[derive(Clone, Debug, Default)]
pub struct Threads {
    /// In the runtime's order.
    pub list: Vec<Thread>,
    /// Where their fields were found.
    pub layout: ThreadLayout,
    /// How the list was found; empty when there is none.
    pub how: String,
}

impl Runtime {
    /// Finds the list of threads and their allocation contexts: the walk of the heap needs them.
    pub(crate) fn read_thread_list(&mut self) {
        self.thread_list = self.find_threads();
        let Some(list) = self.thread_list.clone() else {
            self.evidence.push(Evidence {
                what: "Threads",
                how: "no list of threads was found; holes in the heap are recognised by their zeros".to_owned(),
            });
            return;
        };
        let context = self.alloc_context_place(&list.threads);
        let found: Vec<AddrRange> =
            list.threads.iter().filter_map(|&thread| self.alloc_context(thread, context?)).collect();
        for &range in &found {
            self.gc.add_alloc_context(range);
        }
        self.gc.alloc_contexts.sort_unstable();
        self.gc.alloc_contexts.dedup();
        self.alloc_context_place = context;
        let contexts = match context {
            Some(_) => format!("{} allocation contexts in use", found.len()),
            None => "no allocation context in use was recognised".to_owned(),
        };
        self.evidence.push(Evidence {
            what: "Threads",
            how: format!("{} threads, {}; {contexts}", list.threads.len(), list.how),
        });
    }

    /// Managed threads with all that is known of them. `handles` are those of [`Runtime::handles`].
    #[must_use]
    pub fn threads(&self, handles: &Handles) -> Threads {
        let list = match &self.thread_list {
            Some(list) => list.clone(),
            None => match self.threads_from_handles(handles) {
                Some(list) => list,
                None => return Threads::default(),
            },
        };
        let layout = self.calibrate(&list, handles);
        let threads = list.threads.iter().map(|&at| self.read_thread(at, &list, &layout)).collect();
        Threads { list: threads, layout, how: list.how }
    }

    fn read_thread(&self, at: Addr, list: &ThreadList, layout: &ThreadLayout) -> Thread {
        let memory = &self.target.memory;
        let number = |offset: Option<u64>| word32(memory, at, offset?);
        let pointer = |offset: Option<u64>| word(memory, at, offset?);
        let os_id = number(layout.os_id).filter(|&id| id != NO_ID).unwrap_or(0);
        let os_thread = self.target.threads.iter().position(|thread| thread.id == os_id && os_id != 0);
        let exposed_handle = pointer(layout.exposed).unwrap_or_default();
        let exception_handle = pointer(layout.exception).unwrap_or_default();
        let held = |handle: Addr| {
            if handle.is_null() { None } else { word(memory, handle, 0).filter(|&at| self.gc.segment_of(at).is_some()) }
        };
        let object = held(exposed_handle);
        Thread {
            address: at,
            managed_id: number(layout.managed_id).unwrap_or(0),
            os_id,
            os_thread,
            state: number(layout.state),
            is_cooperative: number(layout.state.map(|offset| offset.wrapping_add(4)))
                .filter(|&flag| flag <= 1)
                .map(|flag| flag == 1),
            is_finalizer: list.finalizer == Some(at),
            stack: pointer(layout.stack)
                .zip(pointer(layout.stack.map(|offset| offset.wrapping_add(8))))
                .map(|(base, limit)| AddrRange::new(limit, base))
                .filter(|stack| !stack.is_empty() && !stack.start.is_null()),
            stack_pointer: os_thread
                .and_then(|index| self.target.threads.get(index))
                .map(|thread| thread.stack_pointer)
                .unwrap_or_default(),
            exposed_handle: if object.is_some() { exposed_handle } else { Addr::NULL },
            object,
            strong_handle: pointer(layout.exposed.map(|offset| offset.wrapping_add(8))).unwrap_or_default(),
            exception_handle,
            exception: held(exception_handle),
            alloc_context: self.alloc_context_place.and_then(|place| self.alloc_context(at, place)),
        }
    }

    fn calibrate(&self, list: &ThreadList, handles: &Handles) -> ThreadLayout {
        let memory = &self.target.memory;
        let threads = &list.threads;
        let ids: HashSet<u32> = self.target.threads.iter().map(|thread| thread.id).collect();
        let os_id = id_offset(memory, threads, &ids).map(|(offset, _)| offset);
        let exposed = self.exposed_offset(threads, handles);
        let stack = os_id.and_then(|os_id| self.stack_offset(threads, os_id));
        ThreadLayout {
            os_id,
            managed_id: self.managed_id_offset(threads, exposed),
            state: self.state_offset(threads, stack),
            stack,
            exposed,
            exception: exposed.and_then(|exposed| self.exception_offset(threads, exposed, handles)),
            locals: self.locals_offset(threads),
            alloc_context: self.alloc_context_place,
        }
    }

    /// The pair (highest, lowest stack address) that encloses the stack pointer of most running threads. Not of all: a
    /// thread whose stack overflowed runs on another one.
    fn stack_offset(&self, threads: &[Addr], os_id: u64) -> Option<u64> {
        let memory = &self.target.memory;
        let pointers: HashMap<u32, Addr> =
            self.target.threads.iter().map(|thread| (thread.id, thread.stack_pointer)).collect();
        let running: Vec<(Addr, Addr)> =
            threads.iter().filter_map(|&at| Some((at, *pointers.get(&word32(memory, at, os_id)?)?))).collect();
        most(THREAD_BYTES, |offset| {
            running
                .iter()
                .filter(|&&(at, pointer)| {
                    let pair = word(memory, at, offset).zip(word(memory, at, offset.wrapping_add(8)));
                    pair.is_some_and(|(base, limit)| {
                        limit <= pointer
                            && pointer < base
                            && !limit.is_null()
                            && base.offset_from(limit).is_some_and(|bytes| bytes <= STACK_BYTES)
                    })
                })
                .count()
        })
        .filter(|&(_, n)| n.saturating_mul(2) >= running.len())
        .map(|(offset, _)| offset)
    }

    /// Two handles side by side, weak and strong, to one and the same object.
    fn exposed_offset(&self, threads: &[Addr], handles: &Handles) -> Option<u64> {
        let memory = &self.target.memory;
        let kind =
            |at: Addr, wanted: HandleKind| handles.at(at).filter(|handle| handle.kind == wanted).map(|h| h.target);
        most(THREAD_BYTES, |offset| {
            threads
                .iter()
                .filter(|&&at| {
                    let weak = word(memory, at, offset).and_then(|at| kind(at, HandleKind::WeakShort));
                    let strong = word(memory, at, offset.wrapping_add(8)).and_then(|at| kind(at, HandleKind::Strong));
                    weak.is_some() && weak == strong
                })
                .count()
        })
        .map(|(offset, _)| offset)
    }

    /// Small numbers that differ from thread to thread, and stand in the managed threads too.
    fn managed_id_offset(&self, threads: &[Addr], exposed: Option<u64>) -> Option<u64> {
        let memory = &self.target.memory;
        let distinct = |offset: u64| {
            let mut seen = HashSet::new();
            threads
                .iter()
                .all(|&at| word32(memory, at, offset).is_some_and(|id| (1..1 << 24).contains(&id) && seen.insert(id)))
        };
        let objects: Vec<(Addr, Addr)> = threads
            .iter()
            .filter_map(|&at| {
                let object = word(memory, word(memory, at, exposed?)?, 0)?;
                self.gc.segment_of(object).map(|_| (at, object))
            })
            .collect();
        let is_in_objects = |offset: u64| {
            (8..0x60u64).step_by(4).any(|inside| {
                objects.iter().all(|&(at, object)| word32(memory, at, offset) == word32(memory, object, inside))
            })
        };
        let biggest = |offset: u64| threads.iter().filter_map(|&at| word32(memory, at, offset)).max();
        // Ids are given from 1 up and used again: of the candidates, the smallest numbers.
        (0..0x80u64)
            .step_by(4)
            .filter(|&offset| distinct(offset))
            .min_by_key(|&offset| (objects.len() >= 2 && !is_in_objects(offset), biggest(offset), offset))
    }

    /// State bits head a Thread from 9 on; before, a pointer to virtual methods or its empty place does. Cooperative is 0 or
    /// 1 behind them. The frame pointer behind that is what tells: -1, or an address on the thread's stack.
    fn state_offset(&self, threads: &[Addr], stack: Option<u64>) -> Option<u64> {
        let memory = &self.target.memory;
        let is_frame = |at: Addr, offset: u64| {
            let frame = word(memory, at, offset)?;
            let base = word(memory, at, stack?)?;
            let limit = word(memory, at, stack?.wrapping_add(8))?;
            Some(frame.0 == u64::MAX || (limit <= frame && frame < base))
        };
        let fits = |offset: u64| {
            threads
                .iter()
                .filter(|&&at| {
                    word32(memory, at, offset.wrapping_add(4)).is_some_and(|cooperative| cooperative <= 1)
                        && is_frame(at, offset.wrapping_add(8)) == Some(true)
                })
                .count()
        };
        most(0x20, fits).filter(|&(_, n)| n.saturating_mul(2) > threads.len()).map(|(offset, _)| offset)
    }

    /// A strong handle behind the managed thread's that leads to an exception.
    fn exception_offset(&self, threads: &[Addr], exposed: u64, handles: &Handles) -> Option<u64> {
        let memory = &self.target.memory;
        let base = self.exception_base(handles)?;
        let is_exception = |object: Addr| {
            word(memory, object, 0).is_some_and(|mt| {
                self.type_system.chain(mt.without_bits(super::object::MARK_BITS)).any(|table| table.at == base)
            })
        };
        let from = exposed.wrapping_add(0x10);
        let holds = |offset: u64| {
            threads
                .iter()
                .filter(|&&at| {
                    let handle = word(memory, at, offset.wrapping_add(from)).and_then(|at| handles.at(at));
                    handle.is_some_and(|handle| handle.kind == HandleKind::Strong && is_exception(handle.target))
                })
                .count()
        };
        // Last thrown stands 0x20 bytes behind the managed thread's handles in 9 and 10.
        most(0x80, holds).map(|(offset, _)| offset.wrapping_add(from))
    }

    /// `System.Exception`, by structure: the runtime keeps some exceptions ready by its first strong handles. They differ in
    /// type and share two base classes below `System.Object`.
    fn exception_base(&self, handles: &Handles) -> Option<Addr> {
        let object = self.type_system.object_mt?;
        let mut bases: BTreeMap<(Addr, Addr), HashSet<Addr>> = BTreeMap::new();
        let strong = handles.list().iter().filter(|handle| handle.kind == HandleKind::Strong);
        for handle in strong.take(1000) {
            let Some(mt) = word(&self.target.memory, handle.target, 0) else { continue };
            let chain: Vec<Addr> =
                self.type_system.chain(mt.without_bits(super::object::MARK_BITS)).map(|table| table.at).collect();
            if let [own, system, exception, root] = *chain.as_slice()
                && root == object
            {
                bases.entry((system, exception)).or_default().insert(own);
            }
        }
        bases
            .iter()
            .map(|((_, exception), types)| (types.len(), *exception))
            .filter(|&(n, _)| n >= 2)
            .max()
            .map(|(_, exception)| exception)
    }

    /// Thread-local data that points back at its thread (9 and later).
    fn locals_offset(&self, threads: &[Addr]) -> Option<u64> {
        let memory = &self.target.memory;
        most(0x600, |offset| {
            threads
                .iter()
                .filter(|&&at| {
                    word(memory, at, offset).filter(|data| data.is_aligned_to(8) && !data.is_null()).is_some_and(
                        |data| {
                            word(memory, data, 0x18) == Some(at)
                                && word32(memory, data, 0).is_some_and(|n| n < 1 << 24)
                                && word32(memory, data, 4).is_some_and(|n| n < 1 << 24)
                                && word(memory, data, 8)
                                    .is_some_and(|array| array.is_null() || self.gc.segment_of(array).is_some())
                        },
                    )
                })
                .count()
        })
        .map(|(offset, _)| offset)
    }

    /// Where threads keep their allocation context: the place at which every pair of words is empty or a hole in the heap.
    fn alloc_context_place(&self, threads: &[Addr]) -> Option<(Option<u64>, u64)> {
        let memory = &self.target.memory;
        let inline = (0..0x200u64).step_by(8).map(|offset| (None, offset));
        let behind = (0..0x100u64)
            .step_by(8)
            .flat_map(|pointer| (0..0x40u64).step_by(8).map(move |offset| (Some(pointer), offset)));
        let mut best: Option<((Option<u64>, u64), usize)> = None;
        for place in inline.chain(behind) {
            let mut n = 0usize;
            let sound = threads.iter().all(|&thread| match pair_at(memory, thread, place) {
                Some((Addr::NULL, Addr::NULL)) => true,
                Some((next, limit)) => {
                    let is_hole = self.is_hole(AddrRange::new(next, limit));
                    n = n.saturating_add(usize::from(is_hole));
                    is_hole
                }
                // A thread that never allocated has no structure to point to.
                None => place.0.is_some_and(|pointer| word(memory, thread, pointer) == Some(Addr::NULL)),
            });
            if sound && n > 0 && best.is_none_or(|(_, most)| n > most) {
                best = Some((place, n));
            }
        }
        best.map(|(place, _)| place)
    }

    fn alloc_context(&self, thread: Addr, place: (Option<u64>, u64)) -> Option<AddrRange> {
        let (next, limit) = pair_at(&self.target.memory, thread, place)?;
        (!next.is_null() && next <= limit).then_some(AddrRange::new(next, limit))
    }

    /// True when no object begins at the start, and one does (or the segment ends) behind the smallest object at the end.
    fn is_hole(&self, range: AddrRange) -> bool {
        if range.start > range.end || range.len() > 1 << 30 {
            return false;
        }
        let Some(segment) = self.gc.segment_of(range.start) else { return false };
        if !matches!(segment.kind, SegmentKind::Ephemeral | SegmentKind::Gen0) {
            return false;
        }
        let end = segment.objects.end;
        let resume = range.end.plus(SMALLEST_BYTES);
        let memory = &self.target.memory;
        let mut shape = |mt| self.type_system.shape(mt);
        object_at(memory, range.start, end, &mut shape).is_none()
            && (resume == end || object_at(memory, resume, end, &mut shape).is_some())
    }

    /// Threads by their managed threads, where the list itself is not in the dump (musl's allocator uses the tails of
    /// library pages, which a dump may leave out): a weak handle whose object holds the address of a structure that holds
    /// the handle's address.
    fn threads_from_handles(&self, handles: &Handles) -> Option<ThreadList> {
        let memory = &self.target.memory;
        let mut votes: BTreeMap<(u64, u64), Vec<Addr>> = BTreeMap::new();
        for handle in handles.list().iter().filter(|handle| handle.kind == HandleKind::WeakShort) {
            for inside in (8..0x60u64).step_by(8) {
                let Some(thread) =
                    word(memory, handle.target, inside).filter(|at| at.0 > 0xffff && at.is_aligned_to(8))
                else {
                    continue;
                };
                let places = (0..THREAD_BYTES).step_by(8);
                for offset in places.filter(|&offset| word(memory, thread, offset) == Some(handle.address)) {
                    votes.entry((inside, offset)).or_default().push(thread);
                }
            }
        }
        let (_, mut threads) =
            votes.into_iter().max_by_key(|(place, threads)| (threads.len(), std::cmp::Reverse(*place)))?;
        threads.sort_unstable();
        threads.dedup();
        Some(ThreadList {
            threads,
            link: 0,
            finalizer: None,
            how: "the list is not in the dump; threads whose managed object and handle lead to each other".to_owned(),
        })
    }
}

fn pair_at(memory: &crate::target::SplicedMemory, thread: Addr, place: (Option<u64>, u64)) -> Option<(Addr, Addr)> {
    let (pointer, offset) = place;
    let base = match pointer {
        Some(pointer) => word(memory, thread, pointer).filter(|at| at.0 > 0xffff && at.is_aligned_to(8))?,
        None => thread,
    };
    Some((word(memory, base, offset)?, word(memory, base, offset.wrapping_add(8))?))
}

/// The offset below `end`, of those on 8 bytes, that `count` gives the most for; the lowest of equals; `None` when all
/// give none.
fn most(end: u64, count: impl Fn(u64) -> usize) -> Option<(u64, usize)> {
    (0..end)
        .step_by(8)
        .map(|offset| (offset, count(offset)))
        .filter(|&(_, n)| n > 0)
        .max_by_key(|&(offset, n)| (n, std::cmp::Reverse(offset)))
}
