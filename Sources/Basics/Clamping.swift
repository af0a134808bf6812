extension FixedWidthInteger {
  /// The product, or the largest number if that is too small for it. For factors that are not
  /// negative.
  package func multipliedClamped(by factor: Self) -> Self {
    let (product, overflows) = multipliedReportingOverflow(by: factor)
    return overflows ? .max : product
  }
}
