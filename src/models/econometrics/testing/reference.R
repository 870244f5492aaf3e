# Makes reference.json: a small data set, and what R's own estimators say of it. Debian: r-base-core r-cran-sandwich r-cran-aer r-cran-jsonlite.
#   Rscript src/models/econometrics/testing/reference.R && python3 src/models/econometrics/testing/reference.py
suppressMessages({library(sandwich); library(AER); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
set.seed(20260131)

n <- 240; courses <- 24; weeks <- 12
course <- sample(rep(1:courses, length.out = n)); week <- sample(1:weeks, n, replace = TRUE)
quality <- rnorm(courses)[course]; season <- rnorm(weeks)[week]
x1 <- round(rnorm(n) + 0.4 * season, 6); x2 <- round(runif(n, -1, 2) + 0.3 * quality, 6)
z1 <- round(rnorm(n), 6); z2 <- round(rnorm(n) + 0.2 * x1, 6); z3 <- round(rexp(n), 6)
shock <- rnorm(n) * (0.5 + abs(x1))
price <- round(3 + 0.5 * quality + 0.3 * season + 0.2 * x1 + 0.35 * z1 + 0.25 * z2 + 0.1 * z3 + 0.4 * shock + 0.3 * rnorm(n), 6)
quantity <- round(6 - 1.3 * price + 1.1 * quality + 0.5 * season + 0.4 * x1 - 0.2 * x2 + shock + 0.5 * rnorm(n), 6)
exposure <- round(exp(rnorm(n, 3, 0.7)), 3)
count <- rpois(n, exposure * exp(-1.5 - 0.6 * (price - 3) + 0.4 * quality + 0.2 * x1 + 0.3 * season) * rgamma(n, 2, 2))
weights <- round(rexp(n) + 0.1, 6)
d <- data.frame(course, week, x1, x2, z1, z2, z3, price, quantity, exposure, count, weights)

c_ <- factor(course); w_ <- factor(week)
pick <- function(estimates, V, names) list(names = names, estimates = unname(estimates[names]), covariance = unname(V[names, names]))
own <- c("price", "x1", "x2", "(Intercept)"); within <- c("price", "x1", "x2")

# K of clustered errors without effects that are nested in clusters but for one constant, one factor for all parts of a two-way covariance.
cr <- function(m, cluster, K) {
  n <- nobs(m); G <- min(sapply(as.data.frame(cluster), function(x) length(unique(x))))
  vcovCL(m, cluster = cluster, type = "HC0", cadjust = FALSE) * G / (G - 1) * (n - 1) / (n - K)
}
two <- function(m, K) {
  part <- function(g) vcovCL(m, cluster = g, type = "HC0", cadjust = FALSE)
  G <- min(length(unique(course)), length(unique(week))); n <- nobs(m)
  (part(course) + part(week) - part(interaction(course, week, drop = TRUE))) * G / (G - 1) * (n - 1) / (n - K)
}
out <- list(data = as.list(d), r = R.version.string, sandwich = as.character(packageVersion("sandwich")), AER = as.character(packageVersion("AER")))

ols <- lm(quantity ~ price + x1 + x2); wls <- update(ols, weights = weights)
fe1 <- update(ols, . ~ . + c_); fe2 <- update(ols, . ~ . + c_ + w_); wfe2 <- update(fe2, weights = weights); wfe1 <- update(fe1, weights = weights)
hc <- function(m, type) vcovHC(m, type = type)
out$ols <- list(iid = pick(coef(ols), vcov(ols), own), HC0 = pick(coef(ols), hc(ols, "HC0"), own), HC1 = pick(coef(ols), hc(ols, "HC1"), own), HC2 = pick(coef(ols), hc(ols, "HC2"), own),
  HC3 = pick(coef(ols), hc(ols, "HC3"), own), course = pick(coef(ols), vcovCL(ols, course, type = "HC1"), own), two_way = pick(coef(ols), two(ols, 4), own), r2 = summary(ols)$r.squared)
out$wls <- list(iid = pick(coef(wls), vcov(wls), own), HC0 = pick(coef(wls), hc(wls, "HC0"), own), HC1 = pick(coef(wls), hc(wls, "HC1"), own), HC2 = pick(coef(wls), hc(wls, "HC2"), own),
  HC3 = pick(coef(wls), hc(wls, "HC3"), own), course = pick(coef(wls), vcovCL(wls, course, type = "HC1"), own), r2 = summary(wls)$r.squared)
out$fe1 <- list(iid = pick(coef(fe1), vcov(fe1), within), HC1 = pick(coef(fe1), hc(fe1, "HC1"), within), HC2 = pick(coef(fe1), hc(fe1, "HC2"), within), HC3 = pick(coef(fe1), hc(fe1, "HC3"), within),
  nested = pick(coef(fe1), cr(fe1, course, 4), within), week = pick(coef(fe1), cr(fe1, week, fe1$rank), within), r2 = summary(fe1)$r.squared)
out$wfe1 <- list(HC2 = pick(coef(wfe1), hc(wfe1, "HC2"), within), HC3 = pick(coef(wfe1), hc(wfe1, "HC3"), within))
# One of course and week: three columns, weeks less one, the constant.
out$fe2 <- list(iid = pick(coef(fe2), vcov(fe2), within), HC1 = pick(coef(fe2), hc(fe2, "HC1"), within), nested = pick(coef(fe2), cr(fe2, course, 3 + weeks), within), two_way = pick(coef(fe2), two(fe2, 3 + 1), within), r2 = summary(fe2)$r.squared)
out$wfe2 <- list(iid = pick(coef(wfe2), vcov(wfe2), within), HC1 = pick(coef(wfe2), hc(wfe2, "HC1"), within), nested = pick(coef(wfe2), cr(wfe2, course, 3 + weeks), within))

iv <- function(m, names, K) list(iid = pick(coef(m), vcov(m), names), HC0 = pick(coef(m), sandwich(m), names), HC1 = pick(coef(m), sandwich(m) * n / m$df.residual, names), course = pick(coef(m), cr(m, course, K), names))
out$iv1 <- iv(ivreg(quantity ~ price + x1 + x2 | z1 + x1 + x2), own, 4)
out$iv3 <- iv(ivreg(quantity ~ price + x1 + x2 | z1 + z2 + z3 + x1 + x2), own, 4)
out$iv3_weighted <- iv(ivreg(quantity ~ price + x1 + x2 | z1 + z2 + z3 + x1 + x2, weights = weights), own, 4)
out$iv3_fe2 <- iv(ivreg(quantity ~ price + x1 + x2 + c_ + w_ | z1 + z2 + z3 + x1 + x2 + c_ + w_), within, 3 + weeks)
sargan <- summary(ivreg(quantity ~ price + x1 + x2 | z1 + z2 + z3 + x1 + x2), diagnostics = TRUE)$diagnostics["Sargan", ]
out$sargan <- list(j = unname(sargan["statistic"]), p = unname(sargan["p-value"]))

# First stage: F of the instruments' coefficients under each covariance, and Montiel Olea and Pflueger's from its definition.
first <- function(formula, instruments, V, K = 0) {
  m <- lm(formula); b <- coef(m)[instruments]; v <- V(m)[instruments, instruments, drop = FALSE]
  rest <- lm(update(formula, paste("~ . -", paste(instruments, collapse = " - "))))
  Z <- sapply(instruments, function(i) resid(lm(update(formula(rest), paste(i, "~ ."))))); D <- resid(rest)
  # In terms of instruments with Z'Z = I.
  R <- chol(crossprod(Z)); Q <- Z %*% solve(R); pi <- crossprod(Q, D); W <- R %*% v %*% t(R)
  list(f = c(b %*% solve(v, b)) / length(instruments), f_effective = sum(pi^2) / sum(diag(W)))
}
f3 <- price ~ z1 + z2 + z3 + x1 + x2; f1 <- price ~ z1 + x1 + x2; f3fe <- price ~ z1 + z2 + z3 + x1 + x2 + c_ + w_
zs <- c("z1", "z2", "z3")
out$first_stage <- list(iv1_course = first(f1, "z1", function(m) vcovCL(m, course, type = "HC1")), iv3_iid = first(f3, zs, vcov), iv3_HC1 = first(f3, zs, function(m) hc(m, "HC1")),
  iv3_course = first(f3, zs, function(m) vcovCL(m, course, type = "HC1")), iv3_fe2_course = first(f3fe, zs, function(m) cr(m, course, 5 + weeks)))

# Anderson-Rubin: the F test of the instruments in a regression of quantity - theta * price, and the thetas at which it is 5 %.
ar <- function(instruments, V, df) {
  f <- function(theta) {
    y <- quantity - theta * price
    m <- if (length(instruments) == 1) lm(y ~ z1 + x1 + x2) else lm(y ~ z1 + z2 + z3 + x1 + x2)
    b <- coef(m)[instruments]; v <- V(m)[instruments, instruments, drop = FALSE]; c(b %*% solve(v, b)) / length(instruments)
  }
  g <- function(theta) f(theta) - qf(0.95, length(instruments), df); middle <- optimize(f, c(-3, 1), tol = 1e-10)$minimum
  list(f = f(0), low = uniroot(g, c(-4, middle), tol = 1e-14)$root, high = uniroot(g, c(middle, 2), tol = 1e-14)$root)
}
clustered <- function(m) vcovCL(m, course, type = "HC1")
out$anderson_rubin <- list(iv1_course = ar("z1", clustered, courses - 1), iv3_iid = ar(zs, vcov, n - 6), iv3_course = ar(zs, clustered, courses - 1))

exact <- glm.control(epsilon = 1e-15, maxit = 100)
po <- function(m, names, K) {
  phi <- sum(residuals(m, "pearson")^2) / m$df.residual
  list(iid = pick(coef(m), vcov(m) * phi, names), HC0 = pick(coef(m), sandwich(m), names), HC1 = pick(coef(m), sandwich(m) * n / m$df.residual, names), course = pick(coef(m), cr(m, course, K), names), deviance = deviance(m), dispersion = phi)
}
out$poisson <- po(glm(count ~ price + x1 + x2 + offset(log(exposure)), family = poisson, control = exact), own, 4)
out$poisson_weighted <- suppressWarnings(po(glm(count ~ price + x1 + x2 + offset(log(exposure)), family = poisson, weights = weights, control = exact), own, 4))
out$poisson_fe1 <- po(glm(count ~ price + x1 + x2 + offset(log(exposure)) + c_, family = poisson, control = exact), within, 4)
out$poisson_fe2 <- po(glm(count ~ price + x1 + x2 + offset(log(exposure)) + c_ + w_, family = poisson, control = exact), within, 3 + weeks)

# Orthogonal scores with given residuals: a regression through the origin, G/(G - 1) for the clusters.
ry <- round(rnorm(n), 6); rd <- round(rnorm(n), 6); ry <- round(ry - 1.2 * rd, 6); rz <- round(0.8 * rd + rnorm(n), 6)
plain <- lm(ry ~ 0 + rd); instrumented <- ivreg(ry ~ 0 + rd | 0 + rz)
out$orthogonal <- list(y = ry, d = rd, z = rz, theta = unname(coef(plain)), variance = c(vcovCL(plain, course, type = "HC0")), theta_iv = unname(coef(instrumented)), variance_iv = c(vcovCL(instrumented, course, type = "HC0")))

t_ <- expand.grid(x = c(1e-3, 0.5, 1.96, 4, 12, 40), df = c(1, 2.5, 10, 239, 1e4)); f_ <- expand.grid(x = c(1e-3, 0.7, 1, 3.8, 25), df1 = c(1, 3, 12), df2 = c(2, 23, 1e4))
x_ <- expand.grid(x = c(1e-3, 0.5, 3.84, 20, 90), df = c(1, 2, 7, 60))
out$distributions <- list(t = cbind(t_, p = 2 * pt(t_$x, t_$df, lower.tail = FALSE)), f = cbind(f_, p = pf(f_$x, f_$df1, f_$df2, lower.tail = FALSE)), chi_square = cbind(x_, p = pchisq(x_$x, x_$df, lower.tail = FALSE)),
  normal = data.frame(x = c(0, 0.3, 1.96, 5, 20), p = 2 * pnorm(c(0, 0.3, 1.96, 5, 20), lower.tail = FALSE)), t_quantile = data.frame(df = c(1, 2, 23, 239), x = qt(0.975, c(1, 2, 23, 239))), f_quantile = data.frame(df1 = c(1, 3), df2 = c(23, 234), x = qf(0.95, c(1, 3), c(23, 234))))

write_json(out, file.path(here, "reference.json"), digits = NA, auto_unbox = TRUE, dataframe = "columns")
