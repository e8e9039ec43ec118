from __future__ import annotations

from django.urls import path

from bihuan.web.signin import views

app_name = "signin"
urlpatterns = [
    path("sign-in", views.sign_in_page, name="page"),
    path("sign-in/demo", views.demo_sign_in, name="demo"),
    path("sign-out", views.sign_out, name="sign_out"),
]
