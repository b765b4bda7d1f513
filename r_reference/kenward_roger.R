# The pieces of Kenward & Roger (1997, Biometrics 53), as pbkrtest computes them, and its tests.
#
#   model <- reference_model(Reaction ~ Days + (Days | Subject), lme4::sleepstudy,
#                            df_method = "kenward-roger")
#   kenward_roger_pieces(model, hypotheses = list(rbind(c(0, 1))))
#
# Phi is the covariance of the coefficients, PhiA the adjusted one, W twice the inverse of the
# expected information of the covariance parameters (pbkrtest's scale), P_i = -X'V^-1 G_i V^-1 X and
# Q_ij = X'V^-1 G_i V^-1 G_j V^-1 X with V = sum_i gamma_i G_i. pbkrtest keeps its Q to itself; they
# are computed here from the matrices G that it shows, and `rebuilt_gap` says how far PhiA =
# Phi + 2 Phi { sum_ij W_ij (Q_ij - P_i Phi P_j) } Phi is from pbkrtest's, relative to the largest entry.
# Matrices are n x n: not for many thousand rows.

kenward_roger_pieces <- function(model, hypotheses = list(), most_rows = 3000L) {
  answer_on(model, {
    if (!model$mixed || model$df_method != "kenward-roger")
      refuse("the pieces of Kenward-Roger need a mixed model with that df method")
    PhiA <- test_vcov(model)
    adjusted <- model$adjusted
    Phi <- model_vcov(model)
    W <- as.matrix(attr(adjusted, "W"))
    P <- lapply(attr(adjusted, "P"), as.matrix)
    Q <- if (nobs(model$fit) <= most_rows) kenward_roger_q(model)
    list(names = I(colnames(Phi)),
         Phi = matrix_rows(Phi),
         PhiA = matrix_rows(PhiA),
         W = matrix_rows(W),
         P = lapply(P, matrix_rows),
         Q = lapply(Q, function(row) lapply(row, matrix_rows)),
         rebuilt_gap = if (length(Q)) rebuilt_gap(Phi, PhiA, W, P, Q) else NaN,
         condition = attr(adjusted, "condi"),
         rows = kenward_roger_rows(model, Phi, adjusted),
         tests = lapply(hypotheses, kenward_roger_test, model = model))
  })
}

# Q_ij of every pair, symmetric in neither argument alone but Q_ji = Q_ij'.
kenward_roger_q <- function(model) {
  parts <- pbkrtest::get_SigmaG(model$fit)
  X <- lme4::getME(model$fit, "X")
  V <- chol(as.matrix(parts$Sigma))
  solved <- function(M) backsolve(V, backsolve(V, as.matrix(M), transpose = TRUE))
  VX <- solved(X)
  GVX <- lapply(parts$G, function(G) as.matrix(G %*% VX))
  lapply(GVX, function(left) lapply(GVX, function(right) crossprod(left, solved(right))))
}

rebuilt_gap <- function(Phi, PhiA, W, P, Q) {
  U <- 0 * Phi
  for (i in seq_along(P)) for (j in seq_along(P))
    U <- U + W[i, j] * (Q[[i]][[j]] - P[[i]] %*% Phi %*% P[[j]])
  rebuilt <- Phi + 2 * Phi %*% U %*% Phi
  max(abs(rebuilt - PhiA)) / max(abs(PhiA))
}

# Each coefficient by itself: adjusted error and the df of its test.
kenward_roger_rows <- function(model, Phi, adjusted) {
  names <- colnames(Phi)
  df <- vapply(seq_along(names), function(j)
    pbkrtest::Lb_ddf(as.numeric(seq_along(names) == j), vcov(model$fit), adjusted), 0)
  table <- test_rows(names, lme4::fixef(model$fit), sqrt(diag(as.matrix(adjusted))), df, model$level)
  lapply(table, function(row) c(row, list(df_method = "kenward-roger")))
}

# F of L beta = 0, and before and after its scale: rows of L are linearly independent.
kenward_roger_test <- function(L, model) {
  L <- hypothesis_rows(L, length(lme4::fixef(model$fit)))
  found <- pbkrtest::KRmodcomp(model$fit, L)$stats
  list(L = matrix_rows(L), num_df = found$ndf, den_df = found$ddf, f_scaling = found$F.scaling,
       f_value = found$Fstat, f_unscaled = found$FstatU, p_value = found$p.value,
       p_unscaled = found$p.valueU)
}

# A hypothesis as a matrix with one column a coefficient and rows that are independent.
hypothesis_rows <- function(L, p) {
  L <- if (is.matrix(L)) L else matrix(as.double(L), 1L)
  if (ncol(L) != p) refuse("a hypothesis has ", ncol(L), " coefficients where the model has ", p)
  if (!nrow(L) || !all(is.finite(L)) || qr(t(L))$rank < nrow(L))
    refuse("the rows of a hypothesis are not finite, not there or not independent")
  L
}
