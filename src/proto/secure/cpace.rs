//! CPace: two sides that know the same short secret agree on a key that nobody else can know, and prove it.
//!
//! After draft-irtf-cfrg-cpace-21: suite CPACE-RISTR255-SHA512, with an initiator and a responder, and the
//! tags of its section on key confirmation. Whoever does not know the secret learns from a run whether one guess was right,
//! and nothing more. Random bytes are arguments. Scalars, shared points and keys are overwritten when they are dropped.

use std::fmt;

use curve25519_dalek::traits::IsIdentity;
use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::mac::{SHA512_BYTES, hmac};

/// Bytes of a share: a point of ristretto255 (RFC 9496), encoded.
pub const SHARE_BYTES: usize = 32;
/// Bytes of a tag: HMAC-SHA-512.
pub const TAG_BYTES: usize = SHA512_BYTES;

const DSI: &[u8] = b"CPaceRistretto255";
const DSI_ISK: &[u8] = b"CPaceRistretto255_ISK";
const MAC_LABEL: &[u8] = b"CPaceMac";
/// Bytes of a block of the hash.
const BLOCK_BYTES: usize = 128;

/// A side of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The side that begins, A in the draft.
    Initiator,
    /// The side that answers, B in the draft.
    Responder,
}

/// The inputs of a run that both sides must have alike.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// PRS, the secret.
    pub secret: &'a [u8],
    /// CI, the identifier of the channel.
    pub channel: &'a [u8],
    /// sid, the identifier of the run, never the same twice.
    pub run: &'a [u8],
    /// ADa, associated data of the initiator.
    pub initiator_data: &'a [u8],
    /// ADb, associated data of the responder.
    pub responder_data: &'a [u8],
}

/// Why bytes of the other side are no share. The texts continue the sentence "the share ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadShare {
    /// They encode no point, or not in the one way that is allowed.
    NotAPoint,
    /// They encode the neutral element, with which every secret leads to the same key.
    Neutral,
    /// They are this side's own share.
    Reflected,
}

impl fmt::Display for BadShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadShare::NotAPoint => "is not a point of ristretto255",
            BadShare::Neutral => "is the neutral element",
            BadShare::Reflected => "is our own",
        })
    }
}

impl std::error::Error for BadShare {}

/// One side of a run, until the other side's share is there.
pub struct Exchange {
    party: Party,
    scalar: Scalar,
    run: Vec<u8>,
    initiator_data: Vec<u8>,
    responder_data: Vec<u8>,
    share: [u8; SHARE_BYTES],
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.scalar.zeroize();
    }
}

impl Exchange {
    /// Begins a run. `random` must be 64 bytes that nobody can predict, and that are used for nothing else.
    pub fn new(party: Party, inputs: &Inputs<'_>, random: &[u8; 64]) -> Exchange {
        Exchange::with_scalar(party, inputs, Scalar::from_bytes_mod_order_wide(random))
    }

    pub(super) fn with_scalar(party: Party, inputs: &Inputs<'_>, scalar: Scalar) -> Exchange {
        let mut point = generator(inputs) * scalar;
        let share = point.compress().to_bytes();
        point.zeroize();
        Exchange {
            party,
            scalar,
            run: inputs.run.to_vec(),
            initiator_data: inputs.initiator_data.to_vec(),
            responder_data: inputs.responder_data.to_vec(),
            share,
        }
    }

    /// Returns what this side sends.
    pub fn share(&self) -> [u8; SHARE_BYTES] {
        self.share
    }

    /// Ends the run with the other side's share. The keys are the same on both sides if the inputs were; a [`Keys::accepts`]
    /// says so.
    ///
    /// # Errors
    /// What came is no share: the run is over.
    pub fn finish(self, other: &[u8; SHARE_BYTES]) -> Result<Keys, BadShare> {
        if *other == self.share {
            return Err(BadShare::Reflected);
        }
        let point = CompressedRistretto(*other).decompress().ok_or(BadShare::NotAPoint)?;
        let mut shared = point * self.scalar;
        if shared.is_identity() {
            return Err(BadShare::Neutral);
        }
        let encoded = Zeroizing::new(shared.compress().to_bytes());
        shared.zeroize();
        let (first, second) = match self.party {
            Party::Initiator => (&self.share, other),
            Party::Responder => (other, &self.share),
        };
        let initiator_part = lv_cat(&[first, &self.initiator_data]);
        let responder_part = lv_cat(&[second, &self.responder_data]);
        let mut hash = Sha512::new_with_prefix(&*lv_cat(&[DSI_ISK, &self.run, &encoded[..]]));
        hash.update(&*initiator_part);
        hash.update(&*responder_part);
        let key = Zeroizing::new(<[u8; SHA512_BYTES]>::from(hash.finalize()));
        let mac_hash = Sha512::new_with_prefix(MAC_LABEL).chain_update(&self.run).chain_update(&key[..]);
        let mac_key = Zeroizing::new(<[u8; SHA512_BYTES]>::from(mac_hash.finalize()));
        let initiator_tag = Zeroizing::new(hmac(&mac_key, &initiator_part));
        let responder_tag = Zeroizing::new(hmac(&mac_key, &responder_part));
        let (own_tag, other_tag) = match self.party {
            Party::Initiator => (initiator_tag, responder_tag),
            Party::Responder => (responder_tag, initiator_tag),
        };
        Ok(Keys { own_tag, other_tag, key })
    }
}

/// The result of a run.
pub struct Keys {
    own_tag: Zeroizing<[u8; TAG_BYTES]>,
    other_tag: Zeroizing<[u8; TAG_BYTES]>,
    key: Zeroizing<[u8; SHA512_BYTES]>,
}

impl Keys {
    /// Returns the tag that proves this side's secret to the other side. An initiator sends it first; a responder only after
    /// the other side's tag was accepted, so that every guess is counted.
    pub fn own_tag(&self) -> &[u8; TAG_BYTES] {
        &self.own_tag
    }

    /// Returns whether `tag` proves that the other side has had the same inputs. Takes the same time for all tags.
    pub fn accepts(&self, tag: &[u8; TAG_BYTES]) -> bool {
        self.other_tag.ct_eq(tag).into()
    }

    /// Returns ISK, the key of both sides.
    pub fn key(&self) -> &[u8; SHA512_BYTES] {
        &self.key
    }
}

/// Shows nothing: all of it is secret.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// calculate_generator: a point that follows from the secret and the run.
fn generator(inputs: &Inputs<'_>) -> RistrettoPoint {
    let begin = lv_cat(&[DSI, inputs.secret]).len();
    // The rest of the first block of the hash, but for one byte: the secret has a block of its own.
    let padding = [0; BLOCK_BYTES];
    let zeros = (BLOCK_BYTES - 1).saturating_sub(begin);
    let text = lv_cat(&[DSI, inputs.secret, &padding[..zeros], inputs.channel, inputs.run]);
    let digest = Zeroizing::new(<[u8; SHA512_BYTES]>::from(Sha512::digest(&*text)));
    RistrettoPoint::from_uniform_bytes(&digest)
}

/// lv_cat: each part after its length in LEB128.
fn lv_cat(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    // Room for all from the start: a vector that grows leaves copies behind.
    let room = parts.iter().map(|part| part.len() + usize::BITS as usize / 7 + 1).sum();
    let mut all = Zeroizing::new(Vec::with_capacity(room));
    for part in parts {
        let mut length = part.len();
        while length >= 0x80 {
            all.push(length as u8 | 0x80);
            length >>= 7;
        }
        all.push(length as u8);
        all.extend_from_slice(part);
    }
    all
}

#[cfg(test)]
pub(super) fn generator_encoding(inputs: &Inputs<'_>) -> [u8; SHARE_BYTES] {
    generator(inputs).compress().to_bytes()
}
