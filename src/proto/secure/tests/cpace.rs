//! CPace: the draft's vectors, and another implementation.

use core::convert::Infallible;

use curve25519_dalek::Scalar;
use pakery_cpace::{CpaceInitiator, CpaceMode, CpaceResponder};
use pakery_crypto::CpaceRistretto255;
use proptest::prelude::*;
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha512};

use super::super::cpace::{BadShare, Exchange, Inputs, Party, generator_encoding};
use super::{array, hex, random};

const SHARE_A: &str = "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157";
const SHARE_B: &str = "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258";
const SCALAR_A: &str = "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08";
const SCALAR_B: &str = "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d";
const ISK: &str = "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd
    2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447";
const TAG_A: &str = "30478d28d83ae3b214295e91f4a3eb62999a8ed94575075db4a7d3bc3e4d26f1
    6c51adba12dc7771372637a46b5134e0937cddd7d820bfdd83be335e339eb57a";
const TAG_B: &str = "e927a7da291676f8878caae9cb70407d2f14117e6f9ff9adcfda797c4bcf2bd2
    fefd2ca3f2ddcce81b7386996c895b2f359010cc92069d5ff4ad49a977de79a6";

const CHANNEL: &[u8] = b"\x0bA_initiator\x0bB_responder";
const RUN: [u8; 16] =
    [0x7e, 0x4b, 0x47, 0x91, 0xd6, 0xa8, 0xef, 0x01, 0x9b, 0x93, 0x6c, 0x79, 0xfb, 0x7f, 0x2c, 0x57];

/// The inputs of the draft's section B.3.
const INPUTS: Inputs<'static> = Inputs {
    secret: b"Password",
    channel: CHANNEL,
    run: &RUN,
    initiator_data: b"ADa",
    responder_data: b"ADb",
};

fn exchange(party: Party, scalar: &str) -> Exchange {
    let scalar = Option::from(Scalar::from_canonical_bytes(array(scalar))).expect("a scalar");
    Exchange::with_scalar(party, &INPUTS, scalar)
}

#[test]
fn the_vectors_of_the_draft() {
    assert_eq!(
        generator_encoding(&INPUTS)[..],
        hex("222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56")
    );
    let a = exchange(Party::Initiator, SCALAR_A);
    let b = exchange(Party::Responder, SCALAR_B);
    assert_eq!(a.share()[..], hex(SHARE_A));
    assert_eq!(b.share()[..], hex(SHARE_B));
    let a = a.finish(&array(SHARE_B)).expect("a share");
    let b = b.finish(&array(SHARE_A)).expect("a share");
    assert_eq!(a.key()[..], hex(ISK));
    assert_eq!(b.key()[..], hex(ISK));
    // The draft has no vectors of tags; these are of another implementation, in Python.
    assert_eq!(a.own_tag()[..], hex(TAG_A));
    assert_eq!(b.own_tag()[..], hex(TAG_B));
    assert!(a.accepts(b.own_tag()) && b.accepts(a.own_tag()));
    assert!(!a.accepts(a.own_tag()) && !b.accepts(b.own_tag()));
}

#[test]
fn the_valid_point_of_the_draft_is_one() {
    let point = "2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c";
    assert!(exchange(Party::Initiator, SCALAR_A).finish(&array(point)).is_ok());
}

#[test]
fn invalid_points_end_the_run() {
    let ends = |point: &str| {
        let fault = exchange(Party::Initiator, SCALAR_A).finish(&array(point)).map(drop);
        assert_eq!(exchange(Party::Responder, SCALAR_A).finish(&array(point)).map(drop), fault);
        fault.expect_err("not a share")
    };
    // The draft's two.
    assert_eq!(ends("2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c"), BadShare::NotAPoint);
    assert_eq!(ends("0000000000000000000000000000000000000000000000000000000000000000"), BadShare::Neutral);
    // Not in the one way that is allowed (RFC 9496, A.2): not below p, negative, no square.
    for bad in [
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    ] {
        assert_eq!(ends(bad), BadShare::NotAPoint, "{bad}");
    }
    assert_eq!(ends(SHARE_A), BadShare::Reflected);
}

#[test]
fn keys_show_nothing() {
    let keys = exchange(Party::Initiator, SCALAR_A).finish(&array(SHARE_B)).expect("a share");
    assert_eq!(format!("{keys:?}"), "Keys");
}

/// Bytes that follow from a seed, for the other implementation.
struct Seeded(u64);

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        Ok(u64::from_be_bytes(*random(self.0).first_chunk().expect("8 bytes")))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for piece in bytes.chunks_mut(64) {
            self.0 += 1;
            piece.copy_from_slice(&random(self.0)[..piece.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}

/// ISK, and the tags of both, of what the other implementation says; it has no tags itself.
fn tags(isk: &[u8], run: &[u8], shares: [&[u8]; 2], data: [&[u8]; 2]) -> [[u8; 64]; 2] {
    let key: [u8; 64] =
        Sha512::new().chain_update(b"CPaceMac").chain_update(run).chain_update(isk).finalize().into();
    core::array::from_fn(|side| {
        let message = with_lengths(&[shares[side], data[side]]);
        // RFC 2104, in so many words.
        let pad = |byte: u8| {
            let mut block = [byte; 128];
            block.iter_mut().zip(key).for_each(|(padded, key)| *padded ^= key);
            block
        };
        let inner = Sha512::new().chain_update(pad(0x36)).chain_update(message).finalize();
        Sha512::new().chain_update(pad(0x5C)).chain_update(inner).finalize().into()
    })
}

/// Parts of up to 127 bytes, each after its length.
fn with_lengths(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&[part.len() as u8][..], part].concat()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn another_implementation_has_the_same_keys(
        secret in prop::collection::vec(any::<u8>(), 0..300),
        channel in prop::collection::vec(any::<u8>(), 0..200),
        run in prop::collection::vec(any::<u8>(), 0..200),
        a in prop::collection::vec(any::<u8>(), 0..40),
        b in prop::collection::vec(any::<u8>(), 0..40),
        seed in any::<u32>(),
    ) {
        let (inputs, mode) = (
            Inputs { secret: &secret, channel: &channel, run: &run, initiator_data: &a, responder_data: &b },
            CpaceMode::InitiatorResponder,
        );
        let mut rng = Seeded(u64::from(seed) << 20);
        // We begin.
        let ours = Exchange::new(Party::Initiator, &inputs, &random(seed.into()));
        let share = ours.share();
        let (answer, theirs) = CpaceResponder::<CpaceRistretto255>::respond(
            &share, &secret, &channel, &run, &a, &b, mode, &mut rng,
        ).expect("a run");
        let ours = ours.finish(&answer[..].try_into().expect("32 bytes")).expect("a share");
        prop_assert_eq!(&ours.key()[..], theirs.isk.as_bytes());
        let [tag_a, tag_b] = tags(theirs.isk.as_bytes(), &run, [&share, &answer], [&a, &b]);
        prop_assert_eq!(*ours.own_tag(), tag_a);
        prop_assert!(ours.accepts(&tag_b));
        // They begin.
        let (begun, state) =
            CpaceInitiator::<CpaceRistretto255>::start(&secret, &channel, &run, &a, &mut rng).expect("a run");
        let ours = Exchange::new(Party::Responder, &inputs, &random(u64::from(seed) + 1));
        let theirs = state.finish(&ours.share(), &b, mode).expect("a run");
        let answer = ours.share();
        let ours = ours.finish(&begun[..].try_into().expect("32 bytes")).expect("a share");
        prop_assert_eq!(&ours.key()[..], theirs.isk.as_bytes());
        let [tag_a, tag_b] = tags(theirs.isk.as_bytes(), &run, [&begun, &answer], [&a, &b]);
        prop_assert_eq!(*ours.own_tag(), tag_b);
        prop_assert!(ours.accepts(&tag_a));
    }

    #[test]
    fn any_other_input_has_other_keys(which in 0usize..5, seed in any::<u32>()) {
        let other = |own: &'static [u8], index: usize| if which == index { b"other" } else { own };
        let inputs = Inputs {
            secret: other(INPUTS.secret, 0),
            channel: other(INPUTS.channel, 1),
            run: other(INPUTS.run, 2),
            initiator_data: other(INPUTS.initiator_data, 3),
            responder_data: other(INPUTS.responder_data, 4),
        };
        let a = Exchange::new(Party::Initiator, &INPUTS, &random(seed.into()));
        let b = Exchange::new(Party::Responder, &inputs, &random(u64::from(seed) + 1));
        let (share_a, share_b) = (a.share(), b.share());
        let a = a.finish(&share_b).expect("a share");
        let b = b.finish(&share_a).expect("a share");
        prop_assert!(!a.accepts(b.own_tag()) && !b.accepts(a.own_tag()));
        prop_assert_ne!(a.key(), b.key());
    }
}
