"""Results to pictures and plotly figures, one topic a file; they take numbers and labels, never tensors."""
