//! What several benches measure against.

use rayon::prelude::*;

/// `n` independent look-ups at random places of `table`, shared out to `threads`.
pub(crate) fn gather(table: &[u32], n: u64, threads: usize) -> u64 {
    (0..threads as u64)
        .into_par_iter()
        .map(|thread| {
            let mut state = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            (0..n / threads as u64).fold(0_u64, |sum, _| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (((state >> 32) * table.len() as u64) >> 32) as usize;
                sum.wrapping_add(u64::from(table[at]))
            })
        })
        .sum()
}
