//! The text of definitions, and that it hides nothing.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use buildkit_llb::{Definition, Input, Metadata, marshal, merge, pb};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

mod graphs;

/// Everything in one definition.
fn everything() -> Definition {
    let graphs = graphs::graphs();
    let inputs = graphs.into_iter().map(|(_, input)| input);
    marshal(merge(inputs, Metadata::named("everything"))).unwrap()
}

#[test]
fn every_op_has_a_text() {
    insta::assert_snapshot!(everything().text().unwrap());
}

#[test]
fn scratch_has_a_text() {
    assert_eq!(marshal(Input::Scratch).unwrap().text().unwrap(), "return scratch\n");
}

/// Each byte of each op, changed in several ways, shows in the text: so equal text means equal
/// op bytes.
#[test]
fn no_changed_byte_goes_unseen() {
    let mut seen = 0;
    for (name, input) in graphs::graphs() {
        let message = marshal(input).unwrap().into_pb();
        let position = message.def.len() - 2;
        let bytes = &message.def[position];
        let original = cut(&message, position, bytes.clone()).text().unwrap();
        for at in 0..bytes.len() {
            for change in [1, 0x82] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                // Some changes give what is no op, or what refers to nothing.
                if let Ok(changed) = cut(&message, position, changed).text() {
                    assert_ne!(changed, original, "{name}, byte {at}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 1000, "only {seen} changes");
}

/// The definition up to an op, which is replaced, and a return of that op. Metadata moves along.
fn cut(message: &pb::Definition, position: usize, bytes: Vec<u8>) -> Definition {
    let old = digest_of(&message.def[position]);
    let new = digest_of(&bytes);
    let terminal = pb::Op { inputs: vec![pb::Input { digest: new.clone(), index: 0 }], ..pb::Op::default() };
    let def = message.def[..position].iter().cloned();
    let mut metadata: BTreeMap<String, pb::OpMetadata> = message.metadata.clone();
    if let Some(of_op) = metadata.remove(&old) {
        metadata.insert(new, of_op);
    }
    Definition::from_pb(pb::Definition {
        def: def.chain([bytes, terminal.encode_to_vec()]).collect(),
        metadata,
        source: None,
    })
}

fn digest_of(bytes: &[u8]) -> String {
    let hex = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{hex}")
}
