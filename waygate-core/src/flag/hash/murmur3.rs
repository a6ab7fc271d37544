/// MurmurHash3_x86_32 (Austin Appleby, public domain: `smhasher/src/MurmurHash3.cpp`), over bytes that arrive in parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Murmur3 {
    state: u32,
    /// The bytes of an incomplete block, in the lower bits.
    tail: u32,
    tail_len: u32,
    len: u32,
}

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;

impl Murmur3 {
    pub(super) const fn new(seed: u32) -> Self {
        Self {
            state: seed,
            tail: 0,
            tail_len: 0,
            len: 0,
        }
    }

    #[must_use]
    pub(super) fn with(mut self, mut bytes: &[u8]) -> Self {
        // The reference implementation has a length of 32 bits as well.
        self.len = self.len.wrapping_add(bytes.len() as u32);
        while self.tail_len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else {
                return self;
            };
            self.push(byte);
            bytes = rest;
        }
        let (blocks, rest) = bytes.as_chunks::<4>();
        for block in blocks {
            self.block(u32::from_le_bytes(*block));
        }
        for &byte in rest {
            self.push(byte);
        }
        self
    }

    fn push(&mut self, byte: u8) {
        self.tail |= u32::from(byte) << (8 * self.tail_len);
        self.tail_len += 1;
        if self.tail_len == 4 {
            let block = self.tail;
            (self.tail, self.tail_len) = (0, 0);
            self.block(block);
        }
    }

    fn block(&mut self, block: u32) {
        self.state ^= scramble(block);
        self.state = self.state.rotate_left(13);
        self.state = self.state.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }

    pub(super) fn finish(self) -> u32 {
        let mut hash = self.state ^ scramble(self.tail) ^ self.len;
        hash ^= hash >> 16;
        hash = hash.wrapping_mul(0x85eb_ca6b);
        hash ^= hash >> 13;
        hash = hash.wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }
}

/// Mixes one block. A block of zeros stays zero, so an empty tail changes nothing.
fn scramble(block: u32) -> u32 {
    block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str, seed: u32) -> u32 {
        Murmur3::new(seed).with(text.as_bytes()).finish()
    }

    /// Published vectors of the 32-bit variant.
    #[test]
    fn agrees_with_the_reference() {
        for (text, seed, expected) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("", 0xffff_ffff, 0x81f1_6f39),
            ("test", 0, 0xba6b_d213),
            ("test", 0x9747_b28c, 0x704b_81dc),
            ("Hello, world!", 0, 0xc036_3e43),
            ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
            (
                "The quick brown fox jumps over the lazy dog",
                0,
                0x2e4f_f723,
            ),
            ("aaaa", 0x9747_b28c, 0x5a97_808a),
            ("aaa", 0x9747_b28c, 0x283e_0130),
            ("aa", 0x9747_b28c, 0x5d21_1726),
            ("a", 0x9747_b28c, 0x7fa0_9ea6),
        ] {
            assert_eq!(hash(text, seed), expected, "{text:?} {seed:#x}");
        }
    }

    #[test]
    fn parts_hash_as_the_whole() {
        let text = "The quick brown fox jumps over the lazy dog";
        for first in 0..text.len() {
            for second in first..text.len() {
                let parts = [&text[..first], &text[first..second], &text[second..]];
                let hash = parts
                    .iter()
                    .fold(Murmur3::new(7), |hash, part| hash.with(part.as_bytes()));
                assert_eq!(hash.finish(), self::hash(text, 7));
            }
        }
    }
}
