//! Damaged files, made from good ones.

use crate::growth::{LONGEST, amplified, grown};
use crate::reader::Kind;

/// Numbers that look random, and are the same for the same seed and number of input (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64, number: u64) -> Self {
        Self(seed.rotate_left(32) ^ number.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below `end`, which is 1 at least.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// What a reader may take for something.
const WORDS: [&str; 56] = [
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "=",
    ".",
    ",",
    "#",
    "\n",
    "\r\n",
    "\0",
    "\\",
    "\\u0000",
    "\\UFFFFFFFF",
    "\u{feff}",
    "é",
    "[[package]]\n",
    "[package.metadata]\n",
    "[targets.a]\n",
    "[project]\n",
    "[tool.uv]\n",
    "[defaults]\n",
    "version = 1\n",
    "name = \"a\"",
    "source = { virtual = \".\" }\n",
    "source = { editable = \"..\" }\n",
    "marker = \"extra == 'extra-1-a-b'\"",
    "marker = \"python_full_version < '3.12'\"",
    "\"sha256:\"",
    "\"../../..\"",
    "\"/\"",
    "\"${args.A}\"",
    "\"${\"",
    "\"%ff\"",
    "-1",
    "0",
    "18446744073709551616",
    "9223372036854775807",
    "1e999",
    "nan",
    "true",
    "1979-05-27T07:32:00Z",
    "inherits = \"a\"\n",
    "\">=3,<3\"",
    "\"==*\"",
    "\"1!0.post1.dev1+x\"",
    "\"https://[::1]:99999/\"",
    "\"git+ssh://@/\"",
    "\"x-1-py3-none-any.whl\"",
    "from ",
    "FROM a\n",
    "arg = 1\n",
    "# check=skip=all;error=true\n",
];

/// Bytes of what is taken out of a longer file.
const WINDOW: usize = 6_000;

/// An input, from one of the seeds or from nothing.
pub fn mutated(random: &mut Random, seeds: &[(Kind, Vec<u8>)]) -> (Kind, Vec<u8>) {
    let choice = random.below(16);
    if choice == 0 {
        return grown(random);
    }
    let (kind, seed) = random.pick(seeds);
    if random.below(32) == 0 {
        return (*kind, random.bytes(2_000));
    }
    let mut bytes = window(random, seed);
    for _ in 0..=random.below(6) {
        damage(random, &mut bytes, seeds);
    }
    if choice == 1 {
        amplified(random, &mut bytes);
    }
    bytes.truncate(LONGEST);
    (*kind, bytes)
}

/// A file, or the first lines of it and others from somewhere in it.
fn window(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    if seed.len() <= WINDOW {
        return seed.to_vec();
    }
    let line_after =
        |at: usize| seed[at..].iter().position(|byte| *byte == b'\n').map_or(seed.len(), |end| at + end + 1);
    let head = line_after(random.below(400));
    let start = line_after(random.below(seed.len()));
    let end = line_after((start + random.below(WINDOW)).min(seed.len() - 1)).max(start);
    [&seed[..head], &seed[start..end]].concat()
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>, seeds: &[(Kind, Vec<u8>)]) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(80)).min(bytes.len());
    match random.below(12) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes[at..end].repeat(1 + random.below(4));
            drop(bytes.splice(end..end, again));
        }
        4 | 5 => drop(bytes.splice(at..at, random.pick(&WORDS).bytes())),
        6 => drop(bytes.splice(at..end, random.pick(&WORDS).bytes())),
        7 => {
            let (_, other) = random.pick(seeds);
            let from = random.below(other.len() + 1);
            let to = (from + random.below(400)).min(other.len());
            drop(bytes.splice(at..at, other[from..to].iter().copied()));
        }
        8 => {
            let deep = random.pick(&["[", "{a=", "[{a=", "a.", "(", "not ", "\"a\" and ("]).repeat({
                // Rarely so deep that calls may not be nested as deep.
                let most = if random.below(16) == 0 { 100_000 } else { 1_000 };
                random.below(most)
            });
            drop(bytes.splice(at..at, deep.bytes()));
        }
        9 => bytes.truncate(at),
        10 => lines(random, bytes),
        _ => {
            let noise = random.bytes(8);
            drop(bytes.splice(at..at, noise));
        }
    }
}

/// Two lines change places, or one is left out.
fn lines(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (one, other) = (random.below(lines.len()), random.below(lines.len()));
    if one == other && one < lines.len() {
        lines.remove(one);
    } else if !lines.is_empty() {
        lines.swap(one, other);
    }
    *bytes = lines.concat();
}
