//! Memory on its way into the processor's cache before it is needed.
//!
//! A message to a large room is delivered by many tasks, one after the other. By the time that one of them has its turn, the
//! processor has dealt with so many others that what the task looks at is in none of its near caches, and it waits for one
//! line after the other. Whoever knows what is looked at next can have it fetched while there is other work to do.
//!
//! This is a crate of its own because it takes unsafe code, and `chat-core` forbids any. The standard library's
//! `core::hint::prefetch_read`, once it is stable, takes its place.
//!
//! [`prefetch`] and [`prefetch_bytes`] take an address, [`ahead`] goes through many things and prefetches each before its turn.
//!
//! # Examples
//!
//! ```
//! use chat_prefetch::{ahead, prefetch};
//!
//! let boxes: Vec<Box<u64>> = (0..1000).map(Box::new).collect();
//! let sum: u64 = ahead(boxes.iter(), |soon| prefetch(&raw const **soon)).map(|number| **number).sum();
//! assert_eq!(sum, 499_500);
//! ```

#![no_std]
#![allow(
    unsafe_code,
    reason = "the instructions have no safe name on stable Rust"
)]

/// How many bytes of memory a processor fetches at a time, on nearly all there are.
const LINE: usize = 64;

/// Asks the processor to fetch the line of memory that `address` is in into its nearest cache, and does not wait for it.
///
/// It is a hint and has no effect that a program could observe but time: nothing is read, so that what is there may
/// be changed or be gone, or may never have been there, without harm. Done on x86-64 and on 64-bit ARM; nothing on others, and
/// under Miri.
#[inline(always)]
pub fn prefetch<T: ?Sized>(address: *const T) {
    let address = address.cast::<u8>();
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: it needs SSE, which all x86-64 processors have. It does not access memory as far as the program can tell: it ignores
    // addresses that it must not read, and never faults (Intel SDM, volume 2, PREFETCHh; AMD64 APM, volume 3, PREFETCHlevel).
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    #[expect(clippy::pointers_in_nomem_asm_block, reason = "a hint reads nothing")]
    // SAFETY: the instruction is a hint that accesses no memory as far as the program can tell, and generates no fault (Arm
    // Architecture Reference Manual, PRFM). It changes no register, no flag and no memory.
    unsafe {
        core::arch::asm!(
            "prfm pldl1keep, [{address}]",
            address = in(reg) address,
            options(nomem, nostack, preserves_flags),
        );
    }
    let _ = address;
}

/// [Prefetches](prefetch) each line of the `bytes` from `address` on.
#[inline(always)]
pub fn prefetch_bytes<T: ?Sized>(address: *const T, bytes: usize) {
    in_lines(address.cast(), bytes, prefetch);
}

/// Visits an address in each line of the `bytes` from `address` on. Not by the boundaries of lines, so that it takes no arithmetic
/// where `bytes` is known in advance; one line may be visited twice.
#[inline(always)]
fn in_lines(address: *const u8, bytes: usize, mut visit: impl FnMut(*const u8)) {
    for offset in (0..bytes).step_by(LINE) {
        visit(address.wrapping_add(offset));
    }
    if let Some(last) = bytes.checked_sub(1) {
        visit(address.wrapping_add(last));
    }
}

/// How many items are on their way from memory at a time. An item of a few lines is all that a processor waits for at once; what is
/// further away comes by the time of its turn.
const ABREAST: usize = 8;

/// Goes through `items`, each of which is given to `prefetch` some items before its turn.
///
/// # Examples
///
/// ```
/// let mut sent_for = 0;
/// let mut items = chat_prefetch::ahead(0..100, |_| sent_for += 1);
/// assert_eq!(items.next(), Some(0));
/// assert_eq!(items.count(), 99);
/// assert_eq!(sent_for, 100);
/// ```
pub fn ahead<I>(items: I, mut prefetch: impl FnMut(I::Item)) -> impl Iterator<Item = I::Item>
where
    I: Iterator + Clone,
{
    let mut soon = items.clone();
    soon.by_ref().take(ABREAST).for_each(&mut prefetch);
    items.inspect(move |_| {
        if let Some(item) = soon.next() {
            prefetch(item);
        }
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::ptr;
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn of_so_many_bytes_each_line_is_visited_and_no_other() {
        let visited = |address: usize, bytes| {
            let mut lines = BTreeSet::new();
            in_lines(ptr::without_provenance(address), bytes, |visited| {
                lines.insert(visited.addr() / LINE);
            });
            lines
        };
        for (address, bytes) in (128..192).flat_map(|address| (0..300).map(move |b| (address, b))) {
            let lines: BTreeSet<_> = (address..address + bytes).map(|byte| byte / LINE).collect();
            assert_eq!(
                visited(address, bytes),
                lines,
                "{bytes} bytes from {address} on"
            );
        }
    }

    #[test]
    fn what_is_not_there_is_prefetched_without_harm() {
        prefetch(ptr::null::<u8>());
        prefetch_bytes(ptr::without_provenance::<u8>(usize::MAX - 8), 8);
        let gone = {
            // Large enough to have been mapped by itself, and to be unmapped now.
            let mapped = std::vec![1_u8; 64 * 1024 * 1024];
            mapped.as_ptr()
        };
        prefetch_bytes(gone, 512);
    }

    #[test]
    fn each_is_sent_for_once_and_some_items_before_its_turn() {
        let sent_for = RefCell::new(Vec::new());
        for item in ahead(0..20, |soon| sent_for.borrow_mut().push(soon)) {
            let last = (item + ABREAST).min(19);
            assert_eq!(*sent_for.borrow(), (0..=last).collect::<Vec<_>>());
        }
        assert_eq!(ahead(0..3, |_| ()).count(), 3);
    }
}
