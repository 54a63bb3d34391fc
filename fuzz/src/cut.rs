//! In how many pieces bytes arrive.

/// How a stream hands out what was sent over it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// As much as the reader has room for.
    Whole,
    /// Byte by byte.
    Bytes,
    /// In pieces of up to sixteen bytes, as these bits say.
    Pieces(u64),
}

impl Cut {
    /// Pieces that depend on what is cut, so that the same input is always cut alike.
    pub(crate) fn of(input: &[u8]) -> Self {
        // FNV-1a.
        let hash = input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::Pieces(hash | 1)
    }

    /// How long the next piece may be.
    pub(crate) fn next(&mut self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Bytes => 1,
            Self::Pieces(bits) => {
                // xorshift64.
                *bits ^= *bits << 13;
                *bits ^= *bits >> 7;
                *bits ^= *bits << 17;
                1 + (*bits >> 60) as usize
            }
        }
    }

    /// Cuts `input` up.
    pub(crate) fn pieces(mut self, mut input: &[u8]) -> Vec<&[u8]> {
        let mut pieces = Vec::new();
        while !input.is_empty() {
            let (piece, rest) = input.split_at(self.next().min(input.len()));
            pieces.push(piece);
            input = rest;
        }
        pieces
    }
}
