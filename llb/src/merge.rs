//! Filesystems laid over each other, and the difference of two.

use crate::metadata::Metadata;
use crate::vertex::{Input, Output, Vertex, to_index};
use buildkit_proto::pb;

/// The inputs laid over each other, later ones on top, without copying anything.
///
/// Scratch inputs are dropped; none left is scratch, one left is that one. Mirrors `Merge` in
/// `client/llb/merge.go`.
///
/// ```
/// # use buildkit_llb::{Image, Input, Metadata, merge};
/// let base = Input::from(Image::new("python").build());
/// assert_eq!(merge([Input::Scratch, base.clone()], Metadata::default()), base);
/// ```
pub fn merge<I: Into<Input>>(inputs: impl IntoIterator<Item = I>, metadata: Metadata) -> Input {
    let mut inputs: Vec<Output> = inputs
        .into_iter()
        .filter_map(|input| match input.into() {
            Input::Scratch => None,
            Input::Output(output) => Some(output),
        })
        .collect();
    if inputs.len() < 2 {
        return inputs.pop().into();
    }
    let merge = pb::MergeOp {
        inputs: (0..inputs.len()).map(|position| pb::MergeInput { input: to_index(position) }).collect(),
    };
    let kind = pb::op::Op::Merge(merge);
    Output::new(Vertex::build(kind, inputs, None, metadata, None), 0).into()
}

/// What `upper` changed on top of `lower`.
///
/// The difference to scratch is `upper` itself. Mirrors `Diff` in `client/llb/diff.go`.
///
/// ```
/// # use buildkit_llb::{Image, Input, Metadata, diff};
/// let image = Image::new("python").build();
/// assert_eq!(diff(Input::Scratch, &image, Metadata::default()), Input::from(&image));
/// ```
pub fn diff(lower: impl Into<Input>, upper: impl Into<Input>, metadata: Metadata) -> Input {
    let upper = upper.into();
    let Input::Output(lower) = lower.into() else {
        return upper;
    };
    let upper_index = if upper.is_scratch() { -1 } else { 1 };
    let kind = pb::op::Op::Diff(pb::DiffOp {
        lower: Some(pb::LowerDiffInput { input: 0 }),
        upper: Some(pb::UpperDiffInput { input: upper_index }),
    });
    let inputs = std::iter::once(lower).chain(upper.output().cloned()).collect();
    Output::new(Vertex::build(kind, inputs, None, metadata, None), 0).into()
}
