use std::sync::OnceLock;

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

/// The bytes of one event, per [`Variant`], each made once and only when somebody needs it.
///
/// A list, because a room speaks one to three variants; it only grows, so that reading it takes no
/// lock.
#[derive(Debug, Default)]
pub struct Encodings {
    first: OnceLock<Box<Encoding>>,
}

#[derive(Debug)]
struct Encoding {
    variant: Variant,
    bytes: Box<[u8]>,
    next: OnceLock<Box<Encoding>>,
}

impl Encodings {
    /// The bytes in `variant`, if somebody has needed them before.
    pub(super) fn get(&self, variant: Variant) -> Option<&[u8]> {
        let mut all = self.iter();
        let found = all.find(|encoding| encoding.variant == variant);
        found.map(|encoding| &*encoding.bytes)
    }

    /// Keeps `bytes` as those in `variant`; `false` if somebody else has kept them meanwhile.
    pub(super) fn insert(&self, variant: Variant, bytes: &[u8]) -> bool {
        let mut encoding = Box::new(Encoding {
            variant,
            bytes: bytes.into(),
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

    /// How much memory they take beside their own size.
    pub(super) fn footprint(&self) -> usize {
        let footprints = self
            .iter()
            .map(|encoding| Self::footprint_of(encoding.bytes.len()));
        footprints.sum()
    }

    /// How much memory one of so many bytes takes.
    pub(super) const fn footprint_of(bytes: usize) -> usize {
        size_of::<Encoding>() + bytes
    }

    fn iter(&self) -> impl Iterator<Item = &Encoding> {
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
                assert_eq!(encodings.insert(variant, name.as_bytes()), is_first);
                assert_eq!(encodings.get(variant), Some(name.as_bytes()));
            }
        }
        assert_eq!(encodings.get(Variant::new("csv")), None);
        assert_eq!(
            encodings.footprint(),
            3 * Encodings::footprint_of(0) + 4 + 4 + 3
        );
    }
}
