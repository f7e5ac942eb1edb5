//! The text of definitions, and that it hides nothing.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use buildkit_llb::{Definition, Input, LlbError, Metadata, marshal, merge, pb};
use buildkit_proto::canonical::{canonical_op_bytes, digest_of};
use prost::Message as _;

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
        if name == "exec output" {
            // The same op as "exec".
            continue;
        }
        let message = marshal(input).unwrap().into_pb();
        let position = message.def.len() - 2;
        let bytes = &message.def[position];
        let original = cut(&message, position, bytes).unwrap();
        for at in 0..bytes.len() {
            for change in [1, 3] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                // As it is, and as it would be written: a flag set to 0 is a flag left out.
                let written = pb::Op::decode(&*changed).map(|op| canonical_op_bytes(&op));
                for changed in [Some(changed), written.ok()].into_iter().flatten() {
                    if changed == *bytes {
                        continue;
                    }
                    // Some changes give what is no op, or what refers to nothing.
                    let Ok(changed) = cut(&message, position, &changed) else {
                        continue;
                    };
                    assert_ne!(changed, original, "{name}, byte {at}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 1000, "only {seen} changes");
}

/// The text of a definition up to an op, which is replaced, and a return of that op; without what
/// could tell the ops apart beside themselves: name and comments.
fn cut(message: &pb::Definition, position: usize, bytes: &[u8]) -> Result<String, LlbError> {
    let digest = digest_of(bytes);
    let terminal = pb::Op { inputs: vec![pb::Input { digest: digest.clone(), index: 0 }], ..pb::Op::default() };
    let name = ("llb.customname".to_owned(), "the op".to_owned());
    let metadata = pb::OpMetadata { description: BTreeMap::from([name]), ..pb::OpMetadata::default() };
    let def = message.def[..position].iter().cloned();
    let definition = Definition::from_pb(pb::Definition {
        def: def.chain([bytes.to_vec(), terminal.encode_to_vec()]).collect(),
        metadata: BTreeMap::from([(digest, metadata)]),
        source: None,
    });
    let text = definition.text()?;
    let lines = text.lines().map(|line| line.split("  # ").next().unwrap_or_default());
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
