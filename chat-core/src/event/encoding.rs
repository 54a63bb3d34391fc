use std::sync::OnceLock;

use crate::memory::Memory;

/// A way to write events down: one for each protocol and each of its dialects that writes other
/// bytes.
///
/// # Examples
///
/// ```
/// use chat_core::event::Variant;
///
/// const CSV: Variant = Variant::new("csv");
/// assert_ne!(CSV, Variant::new("csv;header"));
/// ```
#[derive(Clone, Copy, Debug, Eq)]
pub struct Variant(&'static str);

impl Variant {
    /// The variant of this name. The name is the identity.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }
}

impl PartialEq for Variant {
    fn eq(&self, other: &Self) -> bool {
        // Nearly always the same place, which is compared once for each delivery.
        std::ptr::eq(self.0, other.0) || self.0 == other.0
    }
}

/// What something has become, per [`Variant`], each made once and only when somebody needs it.
///
/// A list, because a room speaks one to three variants; it only grows, so that reading it takes no
/// lock.
#[derive(Debug)]
pub(super) struct Encodings<T> {
    first: OnceLock<Box<Encoding<T>>>,
}

#[derive(Debug)]
struct Encoding<T> {
    variant: Variant,
    written: T,
    next: OnceLock<Box<Encoding<T>>>,
}

impl<T> Default for Encodings<T> {
    fn default() -> Self {
        Self {
            first: OnceLock::new(),
        }
    }
}

impl<T> Encodings<T> {
    /// How much memory each takes beside what is written.
    pub(super) const OVERHEAD: usize = size_of::<Encoding<T>>();

    /// What it is in `variant`, if somebody has needed that before.
    pub(super) fn get(&self, variant: Variant) -> Option<&T> {
        let mut all = self.all();
        let found = all.find(|encoding| encoding.variant == variant);
        found.map(|encoding| &encoding.written)
    }

    /// Keeps what it is in `variant`, which takes so much of `memory`, if that is free and nobody else has kept it meanwhile.
    pub(super) fn keep(
        &self,
        variant: Variant,
        takes: usize,
        memory: &Memory,
        written: impl FnOnce() -> T,
    ) {
        if memory.try_charge(takes) && !self.insert(variant, written()) {
            memory.release(takes);
        }
    }

    /// `false` if somebody else has kept it meanwhile.
    fn insert(&self, variant: Variant, written: T) -> bool {
        let mut encoding = Box::new(Encoding {
            variant,
            written,
            next: OnceLock::new(),
        });
        let mut place = &self.first;
        loop {
            match place.set(encoding) {
                Ok(()) => return true,
                Err(unset) => encoding = unset,
            }
            match place.get() {
                Some(other) if other.variant != variant => place = &other.next,
                _ => return false,
            }
        }
    }

    /// All that was kept.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.all().map(|encoding| &encoding.written)
    }

    fn all(&self) -> impl Iterator<Item = &Encoding<T>> {
        let first = self.first.get().map(|first| &**first);
        std::iter::successors(first, |encoding| encoding.next.get().map(|next| &**next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_is_kept_once() {
        let encodings = Encodings::default();
        for is_first in [true, false, false] {
            for name in ["text", "json", "irc"] {
                let variant = Variant::new(name);
                assert_eq!(encodings.insert(variant, name), is_first);
                assert_eq!(encodings.get(variant), Some(&name));
            }
        }
        assert_eq!(encodings.get(Variant::new("csv")), None);
        assert!(encodings.iter().eq(&["text", "json", "irc"]));
    }
}
